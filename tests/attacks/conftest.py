"""A server with every method of the contract and the full chain of layers, that says who got through."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from chassis.call import Identity, caller_or_none
from chassis.errors import read_details
from chassis.server import Application, Service, running_server
from chassis.testing import TEST_SERVER, TestIssuer
from gateway.app import SERVICES
from tests.attacks.material import Material

PUBLIC = "/ordermesh.inventory.v1.InventoryService/ListItems"
USER = "/ordermesh.orders.v1.OrderService/ListOrders"
ADMIN = "/ordermesh.inventory.v1.InventoryService/GetReservation"
SERVICE = "/ordermesh.orders.v1.OrderService/ProcessOrder"


@dataclass
class Door:
    """The server, as an attacker sees it. ``let_in`` are the callers that a method was run for."""

    issuer: TestIssuer
    material: Material
    address: str = ""
    channel: Any = None
    let_in: list[Identity | None] = field(default_factory=list)

    async def knock(self, method: str, *metadata: tuple[str, str]) -> str:
        """Call a method; the code and the reason of the refusal, or "let in"."""
        try:
            await self.channel.unary_unary(method)(b"", metadata=metadata, timeout=10)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name} {read_details(error).reason}"
        return "let in"


@pytest.fixture(scope="module")
async def open_door() -> AsyncIterator[Door]:
    issuer = TestIssuer()
    public_key = await issuer.key(issuer.KEY_ID)
    assert public_key is not None
    own_token = issuer.user("mallory")
    material = Material(issuer.KEY_ID, public_key, own_token, refresh_token=f"{'0' * 32}.1.{'A' * 43}")
    door = Door(issuer, material)
    services = [_answering(service, door) for service in SERVICES.values()]
    async with running_server(TEST_SERVER, Application(services, issuer.verifier), "127.0.0.1:0") as port:
        door.address = f"127.0.0.1:{port}"
        async with grpc.aio.insecure_channel(door.address) as door.channel:
            yield door


@pytest.fixture
def door(open_door: Door) -> Door:
    open_door.let_in.clear()
    return open_door


def _answering(service: ServiceDescriptor, door: Door) -> Service:
    """A service whose methods do nothing but answer, whoever calls."""

    async def answer(_request: Any, _context: Any) -> bytes:
        door.let_in.append(caller_or_none())
        return b""

    handlers: dict[str, Any] = {
        method.name: grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=GetMessageClass(method.input_type).FromString, response_serializer=None
        )
        for method in service.methods
    }
    handler = grpc.method_handlers_generic_handler(service.full_name, handlers)
    return Service(service, lambda server: server.add_generic_rpc_handlers((handler,)))
