"""Adjustments of stock, through a real server with the full chain."""

from typing import TYPE_CHECKING

import grpc
import pytest

from chassis.testing import refused
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from services.inventory.tests.calls import ADMIN, create

if TYPE_CHECKING:
    from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceAsyncStub


async def test_an_adjustment_is_made_once_for_a_key(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)
    request = pb.AdjustStockRequest(sku="LAMP", delta=5, reason="delivery")
    metadata = (*ADMIN, ("idempotency-key", "delivery-7"))

    first = stub.AdjustStock(request, metadata=metadata)
    again = stub.AdjustStock(request, metadata=metadata)

    assert ((await first).available, (await again).available) == (15, 15)
    replayed = [(await call.trailing_metadata()).get("idempotent-replayed") for call in (first, again)]
    assert replayed == [None, "true"]


async def test_a_key_is_one_adjustments(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)
    request = pb.AdjustStockRequest(sku="LAMP", delta=5, reason="delivery", request_id="delivery-7")
    await stub.AdjustStock(request, metadata=ADMIN)
    request.delta = 6

    call = stub.AdjustStock(request, metadata=ADMIN)

    await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize(
    ("request_", "metadata_key"),
    [
        (pb.AdjustStockRequest(sku="LAMP", delta=1, reason="r"), ""),
        (pb.AdjustStockRequest(sku="LAMP", delta=1, reason="r", request_id="k" * 256), ""),
        (pb.AdjustStockRequest(sku="LAMP", delta=1, reason="r", request_id="a b"), ""),
        (pb.AdjustStockRequest(sku="LAMP", delta=1, reason="r", request_id="a"), "b"),
    ],
)
async def test_an_adjustment_wants_one_good_key(
    stub: "InventoryServiceAsyncStub", request_: pb.AdjustStockRequest, metadata_key: str
) -> None:
    metadata = (*ADMIN, ("idempotency-key", metadata_key)) if metadata_key else ADMIN

    details = await refused(
        stub.AdjustStock(request_, metadata=metadata), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"
    )

    assert [violation.field for violation in details.violations] == ["request_id"]


async def test_more_than_there_is_cannot_be_taken_away(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub, stock=3)
    request = pb.AdjustStockRequest(sku="LAMP", delta=-4, reason="broken", request_id="k")

    details = await refused(
        stub.AdjustStock(request, metadata=ADMIN), grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK"
    )

    assert details.metadata == {"LAMP": "3"}


async def test_stock_has_a_limit(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub, stock=1)
    request = pb.AdjustStockRequest(sku="LAMP", delta=1_000_000_000, reason="many", request_id="k")

    call = stub.AdjustStock(request, metadata=ADMIN)

    await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "STOCK_LIMIT_EXCEEDED")
