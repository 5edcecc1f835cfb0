"""What a fresh demo has in it: an admin, a customer, and things to order."""

import asyncio
import sys
from collections.abc import Mapping

import grpc

from deploy.cluster.calls import CALL_SECONDS, as_user, log_in
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory_pb2
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from ordermesh.types.v1.money_pb2 import Money

COMMAND_SECONDS_MAX = 30.0

STOCK = (
    ("espresso-beans", "Espresso beans, 1 kg", 1899, 120),
    ("pour-over-kettle", "Pour-over kettle, 0.8 l", 6450, 40),
    ("ceramic-dripper", "Ceramic dripper", 2400, 75),
    ("paper-filters", "Paper filters, 100 pieces", 650, 500),
    ("hand-grinder", "Hand grinder", 8990, 25),
    ("last-one-mug", "The last mug of its kind", 1250, 1),
)
"""sku, name, price in euro cents, how many."""


class NotSeeded(Exception):
    """The users or the stock cannot be made. The message is one line that says why."""


async def seed(
    auth: grpc.aio.Channel,
    inventory: grpc.aio.Channel,
    credentials: Mapping[str, str],
    operator: Mapping[str, str],
) -> None:
    """Make the users and the stock that are not there yet.

    ``credentials`` has ADMIN_EMAIL, ADMIN_PASSWORD, DEMO_EMAIL and DEMO_PASSWORD; ``operator`` is the environment of
    auth's own commands, with MONGO_URI. Registering comes last: whoever tries again and again is limited in it.

    :raises NotSeeded: when something is in the way.
    """
    admin = await _admin_token(auth, credentials["ADMIN_EMAIL"], credentials["ADMIN_PASSWORD"], operator)
    await asyncio.gather(*(_create_item(inventory, admin, *item) for item in STOCK))
    await _register(auth, credentials["DEMO_EMAIL"], credentials["DEMO_PASSWORD"])


async def is_stocked(inventory: grpc.aio.Channel) -> bool:
    """Whether the things to order are there.

    :raises NotSeeded: when inventory does not say.
    """
    request = inventory_pb2.GetItemRequest(sku=STOCK[-1][0])
    try:
        await InventoryServiceStub(inventory).GetItem(request, timeout=CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return False
        raise NotSeeded(f"inventory does not answer: {error.details()}") from error
    return True


async def _register(auth: grpc.aio.Channel, email: str, password: str) -> None:
    request = auth_pb2.RegisterRequest(email=email, password=password, name="Demo")
    try:
        await AuthServiceStub(auth).Register(request, timeout=CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise NotSeeded(f"{email} cannot be registered: {error.details()}") from error


async def _admin_token(auth: grpc.aio.Channel, email: str, password: str, operator: Mapping[str, str]) -> str:
    try:
        return await log_in(auth, email, password)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
            raise NotSeeded(f"{email} cannot log in: {error.details()}") from error
    await _create_admin(email, password, operator)
    try:
        return await log_in(auth, email, password)
    except grpc.aio.AioRpcError as error:
        raise NotSeeded(f"{email} cannot log in with ADMIN_PASSWORD: {error.details()}") from error


async def _create_admin(email: str, password: str, operator: Mapping[str, str]) -> None:
    """Nobody can register as an admin, so the operator's command makes the first one."""
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.auth", "create-user", email, "--role", "admin"),
        env={**operator, "PASSWORD": password},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(command.communicate(), COMMAND_SECONDS_MAX)
    except BaseException:
        command.kill()
        raise
    if command.returncode != 0:
        raise NotSeeded(f"the admin {email} cannot be created: {output.decode(errors='replace').strip()[-500:]}")


async def _create_item(
    inventory: grpc.aio.Channel, token: str, sku: str, name: str, price_cents: int, initial_stock: int
) -> None:
    request = inventory_pb2.CreateItemRequest(
        sku=sku,
        name=name,
        unit_price=Money(currency_code="EUR", minor_units=price_cents),
        initial_stock=initial_stock,
    )
    try:
        await InventoryServiceStub(inventory).CreateItem(request, timeout=CALL_SECONDS, metadata=as_user(token))
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise NotSeeded(f"{sku} cannot be created: {error.details()}") from error
