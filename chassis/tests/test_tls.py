"""TLS between processes, through real servers: who gets through, who is refused, and what they are told."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis import errors
from chassis.call import caller_or_none
from chassis.certificates import CERTIFICATE, KEY
from chassis.channels import open_channel
from chassis.config import ConfigError, Environment, Secret
from chassis.mesh import MeshConfig, RemoteKeys, open_auth
from chassis.server import Application, Service, running_server
from chassis.testing import TEST_SERVER, TestIssuer, bearer
from chassis.testing_tls import TestAuthority
from chassis.tls import Tls, hint
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1 import inventory_service_pb2_grpc as pb_grpc
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2

INVENTORY = pb.DESCRIPTOR.services_by_name["InventoryService"]
ORDERS = orders_pb2.DESCRIPTOR.services_by_name["OrderService"]
ANSWER_SECONDS = 10.0
DAY = timedelta(days=1)


class Shelf(pb_grpc.InventoryServiceServicer):
    """Answers one method for orders and one for everybody, and remembers who called."""

    def __init__(self) -> None:
        self.callers: list[str] = []

    async def ReserveStock(self, request: Any, context: Any) -> pb.ReserveStockResponse:
        self._remember()
        return pb.ReserveStockResponse()

    async def GetItem(self, request: Any, context: Any) -> pb.Item:
        self._remember()
        return pb.Item()

    async def GetReservation(self, request: Any, context: Any) -> pb.Reservation:
        self._remember()
        return pb.Reservation()

    async def ListItems(self, request: Any, context: Any) -> Any: ...
    async def CreateItem(self, request: Any, context: Any) -> Any: ...
    async def UpdateItem(self, request: Any, context: Any) -> Any: ...
    async def AdjustStock(self, request: Any, context: Any) -> Any: ...
    async def CommitReservation(self, request: Any, context: Any) -> Any: ...
    async def ReleaseReservation(self, request: Any, context: Any) -> Any: ...

    def _remember(self) -> None:
        identity = caller_or_none()
        self.callers.append(identity.subject if identity else "")


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path / "mesh")


@pytest.fixture
def foreign(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path / "foreign")


@pytest.fixture
def issuer() -> TestIssuer:
    return TestIssuer()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@asynccontextmanager
async def inventory(shelf: Shelf, issuer: TestIssuer, tls: Tls | None) -> AsyncIterator[int]:
    """Inventory on a port."""
    service = Service(INVENTORY, lambda server: pb_grpc.add_InventoryServiceServicer_to_server(shelf, server))
    application = Application([service], issuer.verifier)
    async with running_server(replace(TEST_SERVER, tls=tls), application, "127.0.0.1:0") as port:
        yield port


@pytest.fixture
async def port(shelf: Shelf, issuer: TestIssuer, authority: TestAuthority) -> AsyncIterator[int]:
    """Where inventory is, with a certificate for it and for this machine."""
    async with inventory(shelf, issuer, authority.tls("inventory", "localhost", "127.0.0.1")) as port:
        yield port


async def get_item(channel: grpc.aio.Channel) -> pb.Item:
    answer: pb.Item = await pb_grpc.InventoryServiceStub(channel).GetItem(pb.GetItemRequest(), timeout=ANSWER_SECONDS)
    return answer


async def refusal(channel: grpc.aio.Channel) -> str:
    """What the log says to a caller who gets nowhere; at once, not when the call's deadline is over."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get_item(channel)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    return hint(caught.value.details() or "").rpartition(" (")[2].removesuffix(")")


def tls_of(keys: dict[str, str]) -> Tls:
    tls = Tls.read(Environment(keys))
    assert tls is not None
    return tls


def pair_of(keys: dict[str, str]) -> tuple[bytes, bytes]:
    return Path(keys[KEY]).read_bytes(), Path(keys[CERTIFICATE]).read_bytes()


def shown(authority: TestAuthority, port: int, keys: dict[str, str] | None) -> grpc.aio.Channel:
    """A channel of a client that believes ``authority`` and shows what it likes."""
    pair = pair_of(keys) if keys else (None, None)
    return grpc.aio.secure_channel(
        f"127.0.0.1:{port}", grpc.ssl_channel_credentials(authority.file.read_bytes(), *pair)
    )


@pytest.mark.parametrize("address", ["dns:///localhost:{}", "dns:///127.0.0.1:{}", "ipv4:127.0.0.1:{}"])
async def test_who_has_a_certificate_of_the_ca_gets_through(port: int, authority: TestAuthority, address: str) -> None:
    async with open_channel(address.format(port), INVENTORY, authority.tls("orders")) as channel:
        assert await get_item(channel) == pb.Item()


async def test_calls_are_spread_over_the_replicas(issuer: TestIssuer, authority: TestAuthority) -> None:
    shelves, tls = (Shelf(), Shelf()), authority.tls("inventory")
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(inventory(shelf, issuer, tls)) for shelf in shelves]
        addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
        channel = await stack.enter_async_context(open_channel(f"ipv4:{addresses}", INVENTORY, authority.tls("orders")))
        async with asyncio.timeout(ANSWER_SECONDS):
            while not all(shelf.callers for shelf in shelves):
                await get_item(channel)


@pytest.mark.parametrize("client", ["nothing", "of a foreign CA", "expired"])
async def test_a_client_that_shows_no_good_certificate_is_refused(
    port: int, shelf: Shelf, authority: TestAuthority, foreign: TestAuthority, client: str
) -> None:
    certificates = {
        "nothing": None,
        "of a foreign CA": foreign.issue("orders"),
        "expired": authority.issue("orders", life=(-2 * DAY, -DAY)),
    }
    async with shown(authority, port, certificates[client]) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await get_item(channel)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert shelf.callers == []


async def test_a_client_of_the_mesh_that_is_refused_is_told_where_to_look(
    issuer: TestIssuer, authority: TestAuthority, foreign: TestAuthority, tmp_path: Path
) -> None:
    """It believes the server, whose CA it has as well; the server does not believe it."""
    keys = foreign.issue("orders")
    foreign.file.write_bytes(foreign.file.read_bytes() + authority.file.read_bytes())
    tls = tls_of(keys)
    async with (
        inventory(Shelf(), issuer, authority.tls("127.0.0.1")) as port,
        open_channel(f"dns:///127.0.0.1:{port}", INVENTORY, tls) as channel,
    ):
        assert await refusal(channel) == "it may want TLS, or refuse this process's certificate: its log says so"


async def test_a_server_of_a_foreign_ca_is_not_called(port: int, shelf: Shelf, foreign: TestAuthority) -> None:
    async with open_channel(f"dns:///127.0.0.1:{port}", INVENTORY, foreign.tls("orders")) as channel:
        told = await refusal(channel)

    assert told == "its certificate is not of the CA in TLS_CA_FILE, or has expired"
    assert shelf.callers == []


async def test_a_server_whose_certificate_has_expired_is_not_called(authority: TestAuthority) -> None:
    pair = pair_of(authority.issue("127.0.0.1", life=(-2 * DAY, -DAY)))
    server = grpc.aio.server()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    async with open_channel(f"dns:///127.0.0.1:{port}", INVENTORY, authority.tls("orders")) as channel:
        told = await refusal(channel)
    await server.stop(None)

    assert told == "its certificate is not of the CA in TLS_CA_FILE, or has expired"


@pytest.mark.parametrize("address", ["dns:///127.0.0.1:{}", "ipv4:127.0.0.1:{}"])
async def test_who_asks_for_orders_and_finds_inventory_does_not_call_it(
    shelf: Shelf, issuer: TestIssuer, authority: TestAuthority, address: str
) -> None:
    async with (
        inventory(shelf, issuer, authority.tls("inventory")) as port,
        open_channel(address.format(port), ORDERS, authority.tls("notifier")) as channel,
    ):
        told = await refusal(channel)

    assert told == "its certificate names somebody else"
    assert shelf.callers == []


async def test_plaintext_at_a_port_with_tls_fails_at_once(port: int) -> None:
    async with open_channel(f"dns:///127.0.0.1:{port}", INVENTORY) as channel:
        assert await refusal(channel) == "it may want TLS, or refuse this process's certificate: its log says so"


async def test_tls_at_a_port_without_fails_at_once(shelf: Shelf, issuer: TestIssuer, authority: TestAuthority) -> None:
    async with (
        inventory(shelf, issuer, None) as port,
        open_channel(f"dns:///127.0.0.1:{port}", INVENTORY, authority.tls("orders")) as channel,
    ):
        assert await refusal(channel) == "it speaks no TLS"


async def test_the_log_says_why_auth_does_not_answer(
    shelf: Shelf, issuer: TestIssuer, authority: TestAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with inventory(shelf, issuer, None) as port:
        config = MeshConfig(f"dns:///127.0.0.1:{port}", "orders", Secret("s" * 32))
        async with open_auth(config, authority.tls("orders")) as auth:
            await RemoteKeys(auth).key("unknown")

    assert "it speaks no TLS" in caplog.text


@pytest.mark.parametrize("names", [("orders",), ("ORDERS",), ("node-7", "orders.shop.svc.cluster.local")])
async def test_a_services_token_counts_with_that_services_certificate(
    port: int, shelf: Shelf, issuer: TestIssuer, authority: TestAuthority, names: tuple[str, ...]
) -> None:
    async with open_channel(f"dns:///127.0.0.1:{port}", INVENTORY, authority.tls(*names)) as channel:
        stub = pb_grpc.InventoryServiceStub(channel)
        await stub.ReserveStock(pb.ReserveStockRequest(), metadata=bearer(issuer.service("orders")))

    assert shelf.callers == ["orders"]


@pytest.mark.parametrize("names", [("notifier", "notifier.orders"), ("orders-2",), ("ordersx.shop",), ("127.0.0.1",)])
async def test_a_stolen_token_of_a_service_is_worth_nothing_without_its_certificate(
    port: int, shelf: Shelf, issuer: TestIssuer, authority: TestAuthority, names: tuple[str, ...]
) -> None:
    async with open_channel(f"dns:///127.0.0.1:{port}", INVENTORY, authority.tls(*names)) as channel:
        stub = pb_grpc.InventoryServiceStub(channel)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ReserveStock(pb.ReserveStockRequest(), metadata=bearer(issuer.service("orders")))

    told = errors.read_details(caught.value)
    assert (caught.value.code(), told.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CERTIFICATE_MISMATCH")
    assert shelf.callers == []


async def test_a_stolen_token_of_a_service_makes_nobody_of_its_bearer_where_everybody_may_call(
    port: int, shelf: Shelf, issuer: TestIssuer, authority: TestAuthority
) -> None:
    async with open_channel(f"dns:///127.0.0.1:{port}", INVENTORY, authority.tls("notifier")) as channel:
        stub = pb_grpc.InventoryServiceStub(channel)
        await stub.GetItem(pb.GetItemRequest(), metadata=bearer(issuer.service("orders")))

    assert shelf.callers == [""]


async def test_a_users_token_comes_with_any_certificate(
    port: int, shelf: Shelf, issuer: TestIssuer, authority: TestAuthority
) -> None:
    async with open_channel(f"dns:///127.0.0.1:{port}", INVENTORY, authority.tls("gateway")) as channel:
        stub = pb_grpc.InventoryServiceStub(channel)
        await stub.GetReservation(pb.GetReservationRequest(), metadata=bearer(issuer.admin("root")))

    assert shelf.callers == ["root"]


async def test_a_service_with_the_certificate_of_another_does_not_start(authority: TestAuthority) -> None:
    config = MeshConfig("dns:///auth:50051", "orders", Secret("s" * 32))

    with pytest.raises(ConfigError, match=r"^TLS_CERT_FILE names notifier, SERVICE_CLIENT_ID is orders: "):
        async with open_auth(config, authority.tls("notifier")):
            pass
