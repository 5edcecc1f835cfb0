"""What is decided about shelves, whatever store they come from."""

from chassis.testing import ManualClock
from services.inventory.decisions import Commit, Release, Reserved, Shelves, take
from services.inventory.errors import ItemNotFound
from services.inventory.item import Item
from services.inventory.tests.stock import EUR_25, reserve


async def test_an_item_that_vanished_is_its_own_orders_trouble(clock: ManualClock) -> None:
    """Nothing removes items; if an operator did, the others in the group are decided all the same."""
    shelves = Shelves(items={"LAMP": Item.new("LAMP", "Lamp", EUR_25, 10), "DESK": Item.new("DESK", "Desk", EUR_25, 9)})
    take([reserve(clock, "o-1", ("LAMP", 1), ("DESK", 1)), reserve(clock, "o-2", ("LAMP", 2))], shelves)
    del shelves.items["DESK"]

    outcomes = take([Commit("o-1", "f"), Release("o-1", "f"), Commit("o-2", "f")], shelves)

    assert [type(outcome) for outcome in outcomes] == [ItemNotFound, ItemNotFound, Reserved]
    assert (shelves.items["LAMP"].reserved, shelves.items["LAMP"].sold) == (1, 2)
