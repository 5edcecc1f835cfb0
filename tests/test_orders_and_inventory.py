"""What inventory answers, in the words of orders: the two services' adapters against each other."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chassis.background import running
from chassis.errors import InvalidArgument
from chassis.testing import ManualClock, TestIssuer, served
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from services.inventory.app import build_inventory
from services.inventory.item import Adjustment, Item, Money
from services.inventory.memory_store import MemoryStore
from services.inventory.writer import Writer
from services.orders.errors import IdempotencyKeyReused, InventoryUnavailable, OutOfStock
from services.orders.grpc_stock import GrpcStock
from services.orders.order import Line, fingerprint_of

LAMPS = (Line("LAMP", 2),)
FINGERPRINT = fingerprint_of(LAMPS)


class Tokens:
    """The tokens of orders; the first ones may be of a key that nobody knows any more."""

    def __init__(self, issuer: TestIssuer) -> None:
        self.issuer = issuer
        self.given = [issuer.service("orders")]
        self.refusals = 0

    async def token(self) -> str:
        return self.given[-1]

    def refused(self, token: str) -> None:
        self.refusals += 1
        self.given.append(self.issuer.service("orders"))


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(TestIssuer())


@pytest.fixture
async def stock(tokens: Tokens) -> AsyncIterator[GrpcStock]:
    """Orders' view of a real inventory with five lamps."""
    store = MemoryStore()
    await store.create_item(Item.new("LAMP", "Lamp", Money("EUR", 2_500), 5), Adjustment("LAMP", "", 5, "new", "root"))
    writer = Writer(store)
    async with (
        running(asyncio.create_task(writer.run())),
        served(build_inventory(store, writer, ManualClock(), 900), issuer=tokens.issuer) as channel,
    ):
        yield GrpcStock(InventoryServiceStub(channel), tokens)


async def test_a_hold_has_names_and_prices_and_is_made_once(stock: GrpcStock) -> None:
    first = await stock.reserve("o-1", FINGERPRINT, LAMPS)
    again = await stock.reserve("o-1", FINGERPRINT, LAMPS)

    assert [(item.sku, item.name, item.quantity, item.unit_price.minor_units) for item in first.items] == [
        ("LAMP", "Lamp", 2, 2_500)
    ]
    assert (first.created, again.created) == (True, False)


async def test_a_shortage_is_told_with_what_is_left(stock: GrpcStock) -> None:
    with pytest.raises(OutOfStock) as caught:
        await stock.reserve("o-1", FINGERPRINT, (Line("LAMP", 6),))

    assert caught.value.metadata == {"LAMP": "5"}


async def test_an_unknown_sku_is_named_by_its_place_in_the_order(stock: GrpcStock) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await stock.reserve("o-1", FINGERPRINT, (*LAMPS, Line("SOFA", 1)))

    assert [violation.field for violation in caught.value.violations] == ["items[1].sku"]


async def test_another_fingerprint_is_refused(stock: GrpcStock) -> None:
    await stock.reserve("o-1", FINGERPRINT, LAMPS)

    with pytest.raises(IdempotencyKeyReused):
        await stock.reserve("o-1", fingerprint_of((Line("LAMP", 1),)), (Line("LAMP", 1),))


async def test_verdicts_are_final(stock: GrpcStock) -> None:
    await stock.reserve("o-1", FINGERPRINT, LAMPS)
    await stock.reserve("o-2", FINGERPRINT, LAMPS)
    await stock.release("o-2", FINGERPRINT)

    assert await stock.commit("o-1", FINGERPRINT)
    assert not await stock.commit("o-2", FINGERPRINT)


async def test_what_nobody_expects_is_one_orders_trouble_and_no_outage(stock: GrpcStock) -> None:
    """A worker waits for an outage to end; it must not wait for an order whose reservation is gone."""
    with pytest.raises(RuntimeError, match="RESERVATION_NOT_FOUND") as caught:
        await stock.commit("o-9", FINGERPRINT)

    assert not isinstance(caught.value, InventoryUnavailable)


async def test_a_token_of_a_key_that_is_gone_is_replaced_at_once(stock: GrpcStock, tokens: Tokens) -> None:
    tokens.given.append(TestIssuer().service("orders"))

    hold = await stock.reserve("o-1", FINGERPRINT, LAMPS)

    assert hold.created
    assert tokens.refusals == 1
