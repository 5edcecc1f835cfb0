"""The whole mesh with TLS between its processes."""

import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from chassis.testing_tls import TestAuthority
from deploy.local.mails import received_mails
from deploy.local.settings import MESH, Settings, isolated
from deploy.local.stack import Stack, start_stack
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor
from deploy.local.tls import OPERATOR, channel_to
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory_pb2
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from tests.e2e.conftest import ANSWER_SECONDS, Shop


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A mesh of its own, in place of that of the other tests; two of orders."""
    authority = TestAuthority(tmp_path_factory.mktemp("certificates"))
    for name in (*MESH, OPERATOR):
        authority.issue(name)
    told = {"TLS_DIRECTORY": str(authority.file.parent), "ORDERS_REPLICAS": "2"}
    state = StateDirectory(tmp_path_factory.mktemp("stack-tls"))
    with state.locked():
        async with Supervisor(state, print) as supervisor:
            yield await start_stack(Settings.read(isolated(os.environ) | told), state, supervisor, print)
    shutil.rmtree(state.data("mongo"))


async def test_an_order_ends_processed_and_its_customer_is_told(shop: Shop, ada: str) -> None:
    sku = await shop.item(10)

    placed = await shop.order(ada, (sku, 3))
    await shop.settled()

    order_id = placed.json()["orderId"]
    mails = await received_mails(shop.stack.environment["AWS_ENDPOINT_URL"])
    assert placed.status_code == 201
    assert await shop.status(ada, order_id) == "PROCESSED"
    assert await shop.stock(sku) == {"available": 7, "reserved": 0, "sold": 3}
    assert len([mail for mail in mails if order_id in mail.body]) == 1


async def test_a_grpc_client_needs_a_certificate(shop: Shop) -> None:
    address, sku = shop.stack.environment["INVENTORY_ADDR"], await shop.item(10)
    request = inventory_pb2.GetItemRequest(sku=sku)
    async with (
        channel_to("inventory", address, shop.stack.settings.tls) as channel,
        grpc.aio.insecure_channel(address) as plaintext,
    ):
        item = await InventoryServiceStub(channel).GetItem(request, timeout=ANSWER_SECONDS)
        without: Any = InventoryServiceStub(plaintext).GetItem(request, timeout=ANSWER_SECONDS)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await without

    assert item.available == 10
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
