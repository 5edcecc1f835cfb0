"""inventory.v1.InventoryService through a real server with the full chain."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from chassis.errors import RETRY_SECONDS_DEFAULT, read_details
from chassis.pages import PAGE_SIZE_MAX
from chassis.testing import TEST_SERVER, ManualClock, TestIssuer, bearer, served
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from ordermesh.types.v1.money_pb2 import Money
from services.inventory.app import build_inventory
from services.inventory.memory_store import MemoryStore
from services.inventory.reserve_stock import EXPIRE_GROUP_MAX, expire_holds, expire_overdue
from services.inventory.store import InventoryStore
from services.inventory.writer import WAITING_MAX, Writer

if TYPE_CHECKING:
    from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceAsyncStub

FINGERPRINT = "0" * 64
OTHER_FINGERPRINT = "1" * 64
SOON_SECONDS = 5.0
PATIENCE_SECONDS = 20.0
EUR_25 = Money(currency_code="EUR", minor_units=2_500)

issuer = TestIssuer()
ADMIN = bearer(issuer.admin())
ORDERS = bearer(issuer.service("orders"))


@pytest.fixture
def store() -> InventoryStore:
    return MemoryStore()


@pytest.fixture
async def stub(store: InventoryStore, writer: Writer, clock: ManualClock) -> AsyncIterator["InventoryServiceAsyncStub"]:
    async with served(build_inventory(store, writer, clock, 900), issuer=issuer) as channel:
        yield InventoryServiceStub(channel)


async def test_too_many_decisions_at_once_are_told_when_to_come_back_and_health_is_answered(
    clock: ManualClock,
) -> None:
    stopped = Writer(MemoryStore())  # nobody runs it, so whatever comes waits
    server = replace(TEST_SERVER, concurrent_calls_max=2 * WAITING_MAX)
    async with served(build_inventory(MemoryStore(), stopped, clock, 900), issuer=issuer, config=server) as channel:
        stub = InventoryServiceStub(channel)
        health: Any = HealthStub(channel)
        waiting = [asyncio.ensure_future(reserve(stub, f"o-{n}", ("LAMP", 1))) for n in range(WAITING_MAX + 1)]
        async with asyncio.timeout(SOON_SECONDS):
            (one, *more), _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            answer = await health.Check(HealthCheckRequest())
        for call in waiting:
            call.cancel()

    told = await refused(one, grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert told.retry_after_seconds == RETRY_SECONDS_DEFAULT
    assert (more, answer.status) == ([], HealthCheckResponse.SERVING)


async def create(stub: Any, sku: str = "LAMP", stock: int = 10) -> pb.Item:
    request = pb.CreateItemRequest(sku=sku, name=sku.title(), unit_price=EUR_25, initial_stock=stock)
    item: pb.Item = await stub.CreateItem(request, metadata=ADMIN)
    return item


async def reserve(stub: Any, order_id: str, *lines: tuple[str, int], fingerprint: str = FINGERPRINT) -> Any:
    wanted = [pb.Line(sku=sku, quantity=quantity) for sku, quantity in lines]
    request = pb.ReserveStockRequest(order_id=order_id, fingerprint=fingerprint, lines=wanted)
    return await stub.ReserveStock(request, metadata=ORDERS)


async def refused(call: Any, code: grpc.StatusCode, reason: str) -> Any:
    """The details of the error that ``call`` must end with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    details = read_details(caught.value)
    assert (caught.value.code(), details.reason) == (code, reason)
    return details


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


async def test_a_hold_is_made_once_committed_and_shown(stub: "InventoryServiceAsyncStub", clock: ManualClock) -> None:
    await create(stub)

    first = await reserve(stub, "o-1", ("LAMP", 4))
    again = await reserve(stub, "o-1", ("LAMP", 4))
    committed = await stub.CommitReservation(
        pb.CommitReservationRequest(order_id="o-1", fingerprint=FINGERPRINT), metadata=ORDERS
    )
    shown = await stub.GetReservation(pb.GetReservationRequest(order_id="o-1"), metadata=ADMIN)
    item = await stub.GetItem(pb.GetItemRequest(sku="LAMP"), metadata=ADMIN)

    assert (first.created, again.created) == (True, False)
    assert first.reservation.state == pb.Reservation.HELD
    assert first.reservation.expire_time.ToSeconds() == clock.now().timestamp() + 900
    assert committed == shown
    assert shown.state == pb.Reservation.COMMITTED
    assert (item.available, item.reserved, item.sold) == (6, 0, 4)


async def test_a_release_gives_back(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)
    await reserve(stub, "o-1", ("LAMP", 4))
    request = pb.ReleaseReservationRequest(order_id="o-1", fingerprint=FINGERPRINT)

    released = await stub.ReleaseReservation(request, metadata=ORDERS)

    assert released.state == pb.Reservation.RELEASED
    assert (await stub.GetItem(pb.GetItemRequest(sku="LAMP"))).available == 10


async def test_out_of_stock_names_each_short_sku(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub, "LAMP", 1)
    await create(stub, "DESK", 10)
    await create(stub, "SOFA", 0)

    call = reserve(stub, "o-1", ("LAMP", 2), ("DESK", 1), ("SOFA", 1))
    details = await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK")

    assert details.metadata == {"LAMP": "1", "SOFA": "0"}


async def test_another_fingerprint_is_refused(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)
    await reserve(stub, "o-1", ("LAMP", 4))

    call = reserve(stub, "o-1", ("LAMP", 5), fingerprint=OTHER_FINGERPRINT)

    await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED")


async def test_a_sale_cannot_be_released(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)
    await reserve(stub, "o-1", ("LAMP", 4))
    commit = pb.CommitReservationRequest(order_id="o-1", fingerprint=FINGERPRINT)
    await stub.CommitReservation(commit, metadata=ORDERS)
    release = pb.ReleaseReservationRequest(order_id="o-1", fingerprint=FINGERPRINT)

    call = stub.ReleaseReservation(release, metadata=ORDERS)

    await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "RESERVATION_COMMITTED")


async def test_what_was_never_reserved_is_not_found(stub: "InventoryServiceAsyncStub") -> None:
    not_found = (grpc.StatusCode.NOT_FOUND, "RESERVATION_NOT_FOUND")
    commit = pb.CommitReservationRequest(order_id="o-9", fingerprint=FINGERPRINT)
    release = pb.ReleaseReservationRequest(order_id="o-9", fingerprint=FINGERPRINT)

    await refused(stub.CommitReservation(commit, metadata=ORDERS), *not_found)
    await refused(stub.ReleaseReservation(release, metadata=ORDERS), *not_found)
    await refused(stub.GetReservation(pb.GetReservationRequest(order_id="o-9"), metadata=ADMIN), *not_found)


async def test_everything_that_is_wrong_with_a_reservation_is_said_at_once(stub: "InventoryServiceAsyncStub") -> None:
    call = reserve(stub, "", ("LAMP", 0), ("LAMP", 10_001), ("?", 1), fingerprint="F")

    details = await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")

    assert [violation.field for violation in details.violations] == [
        "order_id",
        "fingerprint",
        "lines[0].quantity",
        "lines[1].sku",
        "lines[1].quantity",
        "lines[2].sku",
    ]


@pytest.mark.parametrize(("count", "is_refused"), [(0, True), (100, False), (101, True)])
async def test_an_order_has_one_to_a_hundred_lines(
    stub: "InventoryServiceAsyncStub", store: InventoryStore, count: int, is_refused: bool
) -> None:
    for n in range(100):
        await create(stub, f"S{n}", 1)

    call = reserve(stub, "o-1", *((f"S{n}", 1) for n in range(count)))

    if is_refused:
        await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    else:
        assert (await call).created


async def test_a_hold_that_nobody_commits_goes_back(
    stub: "InventoryServiceAsyncStub", store: InventoryStore, writer: Writer, clock: ManualClock
) -> None:
    await create(stub)
    await reserve(stub, "o-1", ("LAMP", 4))
    clock.advance(901)

    await expire_overdue(store, writer, clock)

    shown = await stub.GetReservation(pb.GetReservationRequest(order_id="o-1"), metadata=ADMIN)
    assert shown.state == pb.Reservation.EXPIRED
    assert (await stub.GetItem(pb.GetItemRequest(sku="LAMP"))).available == 10


async def test_two_replicas_give_back_what_is_overdue_once_however_much_it_is(
    stub: "InventoryServiceAsyncStub", store: InventoryStore, writer: Writer, clock: ManualClock
) -> None:
    """More holds than one round looks at: the rounds go on until none is left."""
    count = EXPIRE_GROUP_MAX + 1
    await create(stub, stock=count)
    await asyncio.gather(*(reserve(stub, f"o-{n}", ("LAMP", 1)) for n in range(count)))
    clock.advance(901)

    rounds = [asyncio.create_task(expire_holds(store, writer, clock, 900)) for _ in range(2)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await store.overdue_holds(clock.now(), 1):
            await asyncio.sleep(0.01)
    for task in rounds:
        task.cancel()

    item = await stub.GetItem(pb.GetItemRequest(sku="LAMP"), metadata=ADMIN)
    assert (item.available, item.reserved, item.sold) == (count, 0, 0)
