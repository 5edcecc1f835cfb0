"""What a fresh stack has in it: an admin, a customer, and things to order."""

import asyncio
import sys
from collections.abc import Mapping

import grpc

from deploy.local.calls import CALL_SECONDS, as_user, log_in
from deploy.local.environments import python_environment
from deploy.local.errors import StackError
from deploy.local.settings import Settings
from deploy.local.tls import channel_to
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


async def seed(settings: Settings, credentials: Mapping[str, str]) -> None:
    """Make the users and the stock that are not there yet.

    ``credentials`` has ADMIN_EMAIL, ADMIN_PASSWORD, DEMO_EMAIL and DEMO_PASSWORD.
    """
    async with channel_to("auth", settings.address("auth"), settings.tls) as auth:
        await _register(auth, credentials["DEMO_EMAIL"], credentials["DEMO_PASSWORD"])
        admin = await _admin_token(settings, auth, credentials["ADMIN_EMAIL"], credentials["ADMIN_PASSWORD"])
    async with channel_to("inventory", settings.address("inventory"), settings.tls) as inventory:
        await asyncio.gather(*(_create_item(inventory, admin, *item) for item in STOCK))


async def _register(auth: grpc.aio.Channel, email: str, password: str) -> None:
    request = auth_pb2.RegisterRequest(email=email, password=password, name="Demo")
    try:
        await AuthServiceStub(auth).Register(request, timeout=CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise StackError(f"{email} cannot be registered: {error.details()}") from error


async def _admin_token(settings: Settings, auth: grpc.aio.Channel, email: str, password: str) -> str:
    try:
        return await log_in(auth, email, password)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
            raise StackError(f"{email} cannot log in: {error.details()}") from error
    await _create_admin(settings, email, password)
    try:
        return await log_in(auth, email, password)
    except grpc.aio.AioRpcError as error:
        raise StackError(f"{email} cannot log in ({error.details()}): set ADMIN_PASSWORD, or `make clean`") from error


async def _create_admin(settings: Settings, email: str, password: str) -> None:
    """Nobody can register as an admin, so the operator's command makes the first one."""
    told = {"MONGO_URI": settings.mongo_uri, "PASSWORD": password}
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.auth", "create-user", email, "--role", "admin"),
        env=python_environment(settings.values) | told,
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
        raise StackError(f"the admin {email} cannot be created: {output.decode(errors='replace').strip()[-500:]}")


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
            raise StackError(f"{sku} cannot be created: {error.details()}") from error
