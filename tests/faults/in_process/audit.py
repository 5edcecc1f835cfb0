"""What must hold when a run is over, read through the ports of the stores."""

from collections import Counter
from collections.abc import Sequence

from chassis.pages import Page
from services.inventory.reservation import Reservation, State
from services.notifier.dead_letter import State as LetterState
from services.notifier.errors import MessageUnreadable
from services.notifier.notification import State as MailState
from services.orders.order import Order, Status
from tests.faults.in_process.outside import REFUSED, UNCONFIRMED, Outside
from tests.faults.in_process.story import DELIVERED, ENDS, POISON, STOCK, Story

ROWS_MAX = 500

WINDOWS = {"notifier.mailer.send:after", "notifier.store.mark_sent:before"}
"""SES took the mail and nobody wrote it down: here, and only here, a death repeats a mail."""


async def findings(story: Story, deaths: Sequence[str]) -> list[str]:
    """Each invariant that does not hold, as a sentence; ``deaths`` are the points at which somebody died."""
    outside = story.mesh.outside
    orders = {order_id: await outside.orders.get(order_id) for order_id in story.acknowledged}
    lost = [f"I3: order {order_id} is lost" for order_id, order in orders.items() if order is None]
    kept = [order for order in orders.values() if order is not None]
    reservations = [await outside.inventory.get_reservation(id_) for id_ in (*story.acknowledged, story.abandoned)]
    return [
        *lost,
        *await _of_items(outside, [reservation for reservation in reservations if reservation is not None]),
        *[finding for order in kept for finding in await _of_order(outside, order)],
        *await _of_customers(outside, kept),
        *await _of_mails(outside, kept, deaths),
        *_of_rest(outside, kept),
        *await _of_dead_letters(story),
    ]


async def _of_items(outside: Outside, reservations: list[Reservation]) -> list[str]:
    sums: dict[State, Counter[str]] = {state: Counter() for state in State}
    for reservation in reservations:
        sums[reservation.state].update({line.sku: line.quantity for line in reservation.lines})
    found = []
    for item in await outside.inventory.list_items(Page(ROWS_MAX, ())):
        added = STOCK[item.sku] + DELIVERED.get(item.sku, 0)
        held, sold = sums[State.HELD][item.sku], sums[State.COMMITTED][item.sku]
        expected = (added, added - held - sold, held, sold)
        counts = (item.adjusted, item.available, item.reserved, item.sold)
        if counts != expected or min(counts) < 0 or held:
            found.append(f"I1: {item.sku} has {counts} and should have {expected}")
    return found


async def _of_order(outside: Outside, order: Order) -> list[str]:
    reservation = await outside.inventory.get_reservation(order.order_id)
    if reservation is None:
        return [f"I4: order {order.order_id} has no reservation"]
    found = []
    if (order.status is Status.PROCESSED) != (reservation.state is State.COMMITTED):
        found.append(f"I4: order {order.order_id} is {order.status}, its reservation {reservation.state}")
    if [(line.sku, line.quantity) for line in order.lines] != [(held.sku, held.quantity) for held in reservation.lines]:
        found.append(f"I4: order {order.order_id} has other lines than its reservation")
    statuses = [change.status for change in order.history]
    if len(set(statuses)) < len(statuses) or len(statuses) != order.version or statuses[-1] is not order.status:
        found.append(f"I3: order {order.order_id} went through {statuses}")
    if not order.status.is_terminal:
        found.append(f"I3: order {order.order_id} is {order.status}")
    return found


async def _of_customers(outside: Outside, orders: list[Order]) -> list[str]:
    """Each customer of the story has the one order that was acknowledged, and it ended as it must."""
    ends = {order.user_id: order.status for order in orders}
    found = [] if ends == ENDS else [f"I3: the orders ended as {ends}"]
    for order in orders:
        theirs = await outside.orders.list_by_user(order.user_id, Page(ROWS_MAX, ()))
        if [one.order_id for one in theirs] != [order.order_id]:
            found.append(f"I2: {order.user_id} has {len(theirs)} orders")
    return found


async def _of_mails(outside: Outside, orders: list[Order], deaths: Sequence[str]) -> list[str]:
    expected = Counter(order.email for order in orders)
    expected[UNCONFIRMED] += 1
    expected[REFUSED] = 0
    mails = Counter(outside.mailbox.accepted)
    repeated = mails - expected
    found = [f"I5: {address} got {mails[address]} mails" for address in expected if mails[address] < expected[address]]
    if repeated.total() != len(WINDOWS.intersection(deaths)):
        found.append(f"I5: the deaths {deaths} repeat {dict(repeated)}")
    rows = {row.notification_id: row for row in await outside.notifications.list_page("", ROWS_MAX, None)}
    final = {_told(order) for order in orders}
    told = {(row.notification_id, row.state) for row in rows.values()}
    return found + [f"I5: notification {row} is wrong or missing" for row in sorted(final ^ told)]


def _told(order: Order) -> tuple[str, MailState]:
    state = MailState.FAILED_PERMANENTLY if order.email == REFUSED else MailState.SENT
    return f"{order.order_id}:{order.status.lower()}", state


async def _of_dead_letters(story: Story) -> list[str]:
    """The poison was listed once, with its reason; now it is REDRIVEN, and what it came back as is deleted."""
    known = [(letter.body, letter.reason) for letter in story.dead_letters]
    listed = await story.mesh.outside.letters.list_page(None, ROWS_MAX, None)
    found = [] if known == [(POISON, MessageUnreadable.reason)] else [f"the dead letters were {known}"]
    if [(letter.body, letter.state) for letter in listed] != [(POISON, LetterState.REDRIVEN)]:
        found.append(f"the dead letters are {[(letter.body, letter.state) for letter in listed]}")
    return found


def _of_rest(outside: Outside, orders: list[Order]) -> list[str]:
    waiting = [f"I6: order {order.order_id} waits to be published" for order in orders if order.pending_events]
    left = len(outside.queue) + len(outside.queue.dead)
    return waiting + ([f"I6: {left} messages are left"] if left else [])
