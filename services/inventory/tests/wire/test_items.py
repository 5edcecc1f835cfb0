"""Items, through a real server with the full chain."""

from typing import TYPE_CHECKING

import grpc
import pytest

from chassis.pages import PAGE_SIZE_MAX
from chassis.testing import bearer, refused
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.types.v1.money_pb2 import Money
from services.inventory.tests.calls import ADMIN, EUR_25, create, issuer

if TYPE_CHECKING:
    from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceAsyncStub


async def test_an_item_is_created_listed_and_read(stub: "InventoryServiceAsyncStub") -> None:
    created = await create(stub)

    listed = await stub.ListItems(pb.ListItemsRequest())
    read = await stub.GetItem(pb.GetItemRequest(sku="LAMP"))

    assert (created.available, created.version, created.reserved, created.sold) == (10, 1, 0, 0)
    assert list(listed.items) == [read]
    assert (read.name, read.unit_price) == ("Lamp", EUR_25)


async def test_only_admins_see_what_is_reserved_and_sold(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)
    request = pb.GetItemRequest(sku="LAMP")

    for_all = await stub.GetItem(request)
    for_customer = await stub.GetItem(request, metadata=bearer(issuer.user("ada")))
    for_admin = await stub.GetItem(request, metadata=ADMIN)

    assert [item.HasField("reserved") for item in (for_all, for_customer, for_admin)] == [False, False, True]
    assert [item.HasField("sold") for item in (for_all, for_customer, for_admin)] == [False, False, True]


async def test_pages_follow_each_other(stub: "InventoryServiceAsyncStub") -> None:
    for sku in ("A", "B", "C"):
        await create(stub, sku)

    first = await stub.ListItems(pb.ListItemsRequest(page_size=2))
    second = await stub.ListItems(pb.ListItemsRequest(page_size=2, page_token=first.next_page_token))
    all_at_once = await stub.ListItems(pb.ListItemsRequest(page_size=PAGE_SIZE_MAX + 1))

    assert [item.sku for item in first.items] == ["A", "B"]
    assert [item.sku for item in second.items] == ["C"]
    assert second.next_page_token == ""
    assert len(all_at_once.items) == 3


@pytest.mark.parametrize("token", ["nonsense", "W10=", "WzFd", "WyJhIiwiYiJd", "é"])
async def test_a_page_token_of_somebody_else_is_refused(stub: "InventoryServiceAsyncStub", token: str) -> None:
    call = stub.ListItems(pb.ListItemsRequest(page_token=token, page_size=-1))

    details = await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")

    assert [violation.field for violation in details.violations] == ["page_size", "page_token"]


async def test_everything_that_is_wrong_with_an_item_is_said_at_once(stub: "InventoryServiceAsyncStub") -> None:
    price = Money(currency_code="euro", minor_units=1_000_000_001)
    request = pb.CreateItemRequest(sku="-", name=" ", unit_price=price, initial_stock=-1)

    details = await refused(
        stub.CreateItem(request, metadata=ADMIN), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"
    )

    fields = ["sku", "name", "unit_price.currency_code", "unit_price.minor_units", "initial_stock"]
    assert [violation.field for violation in details.violations] == fields


@pytest.mark.parametrize(
    "request_",
    [
        pb.CreateItemRequest(sku="a" * 64, name="n" * 200, unit_price=EUR_25, initial_stock=1_000_000_000),
        pb.CreateItemRequest(sku="9", name="n", unit_price=Money(currency_code="JPY"), initial_stock=0),
        pb.CreateItemRequest(sku="A.b_c-1", name="Stehlampe weiß", unit_price=EUR_25),
    ],
)
async def test_the_edges_of_the_limits_are_inside(
    stub: "InventoryServiceAsyncStub", request_: pb.CreateItemRequest
) -> None:
    item = await stub.CreateItem(request_, metadata=ADMIN)

    assert (item.sku, item.available) == (request_.sku, request_.initial_stock)


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("sku", pb.CreateItemRequest(sku="a" * 65, name="n", unit_price=EUR_25)),
        ("sku", pb.CreateItemRequest(sku="a b", name="n", unit_price=EUR_25)),
        ("name", pb.CreateItemRequest(sku="a", name="n" * 201, unit_price=EUR_25)),
        ("name", pb.CreateItemRequest(sku="a", name="a\r\nBcc: b@c.d", unit_price=EUR_25)),
        ("unit_price", pb.CreateItemRequest(sku="a", name="n")),
        ("initial_stock", pb.CreateItemRequest(sku="a", name="n", unit_price=EUR_25, initial_stock=1_000_000_001)),
    ],
)
async def test_beyond_the_edges_is_refused(
    stub: "InventoryServiceAsyncStub", field: str, request_: pb.CreateItemRequest
) -> None:
    call = stub.CreateItem(request_, metadata=ADMIN)

    details = await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")

    assert [violation.field for violation in details.violations] == [field]


async def test_a_sku_can_be_taken_once(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)

    await refused(create(stub), grpc.StatusCode.ALREADY_EXISTS, "ITEM_EXISTS")


async def test_an_item_that_is_not_there_is_not_found(stub: "InventoryServiceAsyncStub") -> None:
    adjust = pb.AdjustStockRequest(sku="SOFA", delta=1, reason="found", request_id="k")
    not_found = grpc.StatusCode.NOT_FOUND

    await refused(stub.GetItem(pb.GetItemRequest(sku="SOFA")), not_found, "ITEM_NOT_FOUND")
    await refused(stub.AdjustStock(adjust, metadata=ADMIN), not_found, "ITEM_NOT_FOUND")
    update = pb.UpdateItemRequest(sku="SOFA", name="Sofa")
    await refused(stub.UpdateItem(update, metadata=ADMIN), not_found, "ITEM_NOT_FOUND")


async def test_an_update_changes_what_is_set(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)

    item = await stub.UpdateItem(pb.UpdateItemRequest(sku="LAMP", name="Brass lamp"), metadata=ADMIN)

    assert (item.name, item.unit_price, item.version) == ("Brass lamp", EUR_25, 2)


async def test_an_update_of_nothing_is_refused(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)
    call = stub.UpdateItem(pb.UpdateItemRequest(sku="LAMP"), metadata=ADMIN)

    await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
