"""The life of messages, between a queue, orders, a mailbox and a store in memory."""

import asyncio

import pytest

from services.notifier.delivery_failure import DeliveryFailure
from services.notifier.errors import (
    Dependency,
    DependencyDown,
    DependencyFailed,
    MailRefused,
    MailUnconfirmed,
    OrderRefused,
)
from services.notifier.mail import Mail
from services.notifier.memory_delivery_failures import MemoryDeliveryFailures
from services.notifier.memory_mailer import MemoryMailer
from services.notifier.memory_queue import MemoryQueue
from services.notifier.memory_store import MemoryStore
from services.notifier.notification import Kind, Lease, State
from services.notifier.tests.scene import Scene, event_body

ORDERS_DOWN = DependencyDown(Dependency.ORDERS, "UNAVAILABLE")
SES_THROTTLES = DependencyDown(Dependency.SES, "Throttling: not ada@example.com now")
SES_IS_SLOW = MailUnconfirmed("does not answer (TimeoutError)")


class HeldMailer(MemoryMailer):
    """Sending waits until the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.let = asyncio.Event()

    async def send(self, recipient: str, mail: Mail) -> str:
        self.begun.set()
        await self.let.wait()
        return await super().send(recipient, mail)


class FlakyStore(MemoryStore):
    """Forgets the first marks: the database is down when SES has just accepted."""

    marks_lost = 1

    async def mark_sent(self, lease: Lease, message_id: str, now: object) -> bool:
        if self.marks_lost:
            self.marks_lost -= 1
            raise DependencyDown(Dependency.DATABASE, "does not answer")
        return await super().mark_sent(lease, message_id, now)  # type: ignore[arg-type] # handed through


def given_back(queue: MemoryQueue, message_id: str) -> bool:
    return queue.receive_count(message_id) > 0 and queue.hidden_seconds(message_id) == 0


@pytest.mark.parametrize("outcome", Kind)
async def test_a_message_ends_with_its_customer_told(scene: Scene, outcome: Kind) -> None:
    await scene.place("o-1", outcome, recipient="ada@example.com")

    async with scene.working():
        await scene.queue.until_empty()

    assert scene.recipients == ["ada@example.com"]
    assert scene.orders.told == ["o-1"]
    row = (await scene.notifications())["o-1"]
    assert (row.kind, row.state, row.attempts, row.message_id) == (outcome, State.SENT, 1, "mail-1")


async def test_a_hundred_messages_make_a_hundred_mails(scene: Scene) -> None:
    for number in range(100):
        await scene.place(f"o-{number}", recipient=f"customer-{number}@example.com")

    async with scene.working():
        await scene.queue.until_empty()

    assert len(set(scene.recipients)) == len(scene.recipients) == 100


async def test_a_message_delivered_twice_is_one_mail(scene: Scene) -> None:
    for _ in range(3):
        await scene.place("o-1")

    async with scene.working():
        await scene.queue.until(lambda: len(scene.queue) < 3)
        await scene.queue.until(lambda: all(scene.queue.hidden_seconds(other) < 30 for other in scene.queue.ids))
        scene.clock.advance(15)
        await scene.queue.until_empty()

    assert len(scene.mailer.sent) == 1


async def test_a_mail_sent_before_a_crash_is_not_sent_again_once_marked(scene: Scene) -> None:
    lease = Lease.begin("o-1", Kind.PROCESSED, scene.clock.now(), 15)
    await scene.store.claim(lease, scene.clock.now())
    await scene.store.mark_sent(lease, "mail-0", scene.clock.now())
    await scene.place("o-1")

    async with scene.working():
        await scene.queue.until_empty()

    assert scene.mailer.sent == []
    assert scene.orders.told == ["o-1"]


async def test_after_a_crash_between_sending_and_marking_the_lease_decides_when_to_try_again(scene: Scene) -> None:
    crashed = Lease.begin("o-1", Kind.PROCESSED, scene.clock.now(), 15)
    await scene.store.claim(crashed, scene.clock.now())
    message_id = await scene.place("o-1")

    async with scene.working():
        await scene.queue.until_received(message_id)
        await scene.queue.until(lambda: scene.queue.hidden_seconds(message_id) < 30)
        put_off = scene.queue.hidden_seconds(message_id)
        sent_under_the_lease = len(scene.mailer.sent)
        scene.clock.advance(15)
        await scene.queue.until_empty()

    assert (put_off, sent_under_the_lease) == (15, 0)
    assert len(scene.mailer.sent) == 1
    assert (await scene.notifications())["o-1"].attempts == 2


async def test_a_lease_that_ends_too_soon_sends_nothing(scene: Scene) -> None:
    class SlowStore(MemoryStore):
        async def claim(self, lease: Lease, now: object) -> object:  # type: ignore[override] # a slow database
            claim = await super().claim(lease, now)  # type: ignore[arg-type]
            scene.clock.advance(9.5)
            return claim

    scene.store = SlowStore()  # type: ignore[assignment]
    message_id = await scene.place("o-1")

    async with scene.working():
        await scene.queue.until_received(message_id)
        await scene.queue.until(lambda: scene.queue.hidden_seconds(message_id) < 20)

    assert scene.mailer.attempts == 0


async def test_an_outage_of_orders_pauses_receiving_and_burns_one_delivery(scene: Scene) -> None:
    scene.orders.trouble = ORDERS_DOWN
    placed = [await scene.place(f"o-{number}") for number in range(5)]

    async with scene.working(messages_in_flight_max=2):
        await scene.queue.until_received(placed[1])
        await scene.orders.until(lambda: scene.orders.probes >= 2)
        received_in_the_outage = [scene.queue.receive_count(message_id) for message_id in placed]
        scene.orders.trouble = None
        await scene.queue.until_empty()

    assert received_in_the_outage == [1, 1, 0, 0, 0]
    assert len(scene.mailer.sent) == 5


async def test_nothing_is_received_while_orders_is_healthy_but_what_it_needs_is_not(scene: Scene) -> None:
    """Inventory is down: orders passes its probe and still answers UNAVAILABLE."""
    scene.orders.failing = {"o-1": ORDERS_DOWN}
    first = await scene.place("o-1")

    async with scene.working():
        await scene.queue.until_received(first)
        await scene.orders.until(lambda: scene.orders.processed.count("o-1") >= 2)
        second = await scene.place("o-2")
        await scene.orders.until(lambda: scene.orders.processed.count("o-1") >= 3)
        counts = scene.queue.receive_count(first), scene.queue.receive_count(second)
        scene.orders.failing = {}
        await scene.queue.until_empty()

    assert counts[0] == 1
    assert counts[1] <= 1
    assert len(scene.mailer.sent) == 2


async def test_an_outage_of_ses_is_no_failure_of_the_mail(scene: Scene) -> None:
    scene.mailer.trouble = SES_THROTTLES
    await scene.place("o-1")

    async with scene.working():
        await scene.mailer.until_tried(1)
        scene.mailer.trouble = None
        await scene.queue.until_empty()

    row = (await scene.notifications())["o-1"]
    assert len(scene.mailer.sent) == 1
    assert (row.state, row.attempts, row.last_error) == (State.SENT, 2, "")


async def test_a_mail_in_trouble_says_so_in_its_row_without_addresses(scene: Scene) -> None:
    scene.mailer.trouble = SES_THROTTLES
    await scene.place("o-1")

    async with scene.working():
        await scene.mailer.until_tried(1)

    row = (await scene.notifications())["o-1"]
    assert (row.state, row.last_error) == (State.SENDING, "SES: Throttling: not <address> now")


async def test_a_bug_while_sending_is_in_the_row_too(scene: Scene) -> None:
    scene.mailer.trouble = ZeroDivisionError("of ada@example.com")
    await scene.place("o-1")
    await scene.place("o-2")

    async with scene.working():
        await scene.mailer.until_tried(2)

    assert {row.last_error for row in (await scene.notifications()).values()} == {"ZeroDivisionError: of <address>"}


async def test_messages_waiting_for_a_long_outage_are_given_back_but_one(scene: Scene) -> None:
    scene.orders.trouble = ORDERS_DOWN
    placed = [await scene.place(f"o-{number}") for number in range(3)]

    async with scene.working(parked_seconds_max=0.05):
        await scene.queue.until(lambda: sum(given_back(scene.queue, message_id) for message_id in placed) == 2)
        counts = [scene.queue.receive_count(message_id) for message_id in placed]
        scene.orders.trouble = None
        await scene.queue.until_empty()

    assert counts == [1, 1, 1]
    assert len(scene.mailer.sent) == 3


async def test_a_failure_of_one_order_does_not_stop_the_others(scene: Scene) -> None:
    scene.orders.failing = {"o-1": DependencyFailed(Dependency.ORDERS, "INTERNAL")}
    failing = await scene.place("o-1")
    for number in range(2, 5):
        await scene.place(f"o-{number}")

    async with scene.working():
        await scene.mailer.until_sent(3)
        await scene.queue.until(lambda: scene.queue.hidden_seconds(failing) < 30)

    assert scene.queue.hidden_seconds(failing) == 2, "and comes again later each time"
    assert sorted(scene.orders.told) == ["o-2", "o-3", "o-4"]


async def test_poison_is_left_to_the_queue_and_does_not_stop_the_others(scene: Scene) -> None:
    unreadable = await scene.queue.send("hello")
    unknown = await scene.queue.send(event_body("nobody-placed-this"))
    await scene.place("o-1")

    async with scene.working():
        await scene.mailer.until_sent(1)
        await scene.queue.until_received(unknown)

    assert len(scene.queue) == 2
    assert [scene.queue.hidden_seconds(poison) for poison in (unreadable, unknown)] == [30, 30]
    assert [scene.queue.receive_count(poison) for poison in (unreadable, unknown)] == [1, 1]


async def failure_of(scene: Scene, message_id: str) -> DeliveryFailure:
    failure = await scene.failures.find(message_id)
    assert failure is not None
    return failure


async def test_why_a_message_failed_is_recorded_without_addresses_at_each_delivery(scene: Scene) -> None:
    unreadable = await scene.queue.send("hello")
    unknown = await scene.queue.send(event_body("nobody-placed-this"))
    failing, crashing = await scene.place("o-1"), await scene.place("o-2")
    scene.orders.failing = {
        "o-1": DependencyFailed(Dependency.ORDERS, "INTERNAL of ada@example.com"),
        "o-2": ZeroDivisionError("of ada@example.com"),
    }

    async with scene.working():
        for delivery in (1, 2):
            for message_id in (unreadable, unknown, failing, crashing):
                while (failure := await scene.failures.find(message_id)) is None or failure.attempts < delivery:
                    await asyncio.sleep(0)
            scene.clock.advance(31)

    assert await failure_of(scene, unreadable) == DeliveryFailure("MESSAGE_UNREADABLE", "the body is no OrderEvent", 2)
    assert await failure_of(scene, unknown) == DeliveryFailure("ORDER_REFUSED", "there is no such order", 2)
    assert await failure_of(scene, failing) == DeliveryFailure("DEPENDENCY_FAILED", "orders: INTERNAL of <address>", 2)
    assert await failure_of(scene, crashing) == DeliveryFailure("CRASHED", "ZeroDivisionError: of <address>", 2)


async def test_an_outage_and_a_busy_lease_are_no_failures_of_the_message(scene: Scene) -> None:
    await scene.store.claim(Lease.begin("o-1", Kind.PROCESSED, scene.clock.now(), 15), scene.clock.now())
    leased = await scene.place("o-1")
    scene.orders.failing = {"o-2": ORDERS_DOWN}
    down = await scene.place("o-2")

    async with scene.working():
        await scene.queue.until(lambda: scene.queue.hidden_seconds(leased) == 15)
        await scene.orders.until(lambda: scene.orders.processed.count("o-2") >= 2)

    assert [await scene.failures.find(message_id) for message_id in (leased, down)] == [None, None]


async def test_a_failure_that_cannot_be_recorded_stops_neither_the_worker_nor_the_queue(scene: Scene) -> None:
    class FailuresThatAreDown(MemoryDeliveryFailures):
        async def record(self, message_id: str, reason: str, description: str) -> None:
            raise DependencyDown(Dependency.DATABASE, "does not answer")

    scene.failures = FailuresThatAreDown()
    poison = await scene.queue.send("hello")
    failing = await scene.place("o-1")
    scene.orders.failing = {"o-1": DependencyFailed(Dependency.ORDERS, "INTERNAL")}
    await scene.place("o-2")

    async with scene.working():
        await scene.mailer.until_sent(1)
        await scene.queue.until(lambda: scene.queue.hidden_seconds(failing) == 2)

    assert scene.queue.hidden_seconds(poison) == 30
    assert scene.orders.told == ["o-2"]


async def test_poison_that_waits_for_its_next_delivery_takes_nobodys_place(scene: Scene) -> None:
    for number in range(10):
        await scene.queue.send(f"poison {number}")
    for number in range(20):
        await scene.place(f"o-{number}")

    async with scene.working(messages_in_flight_max=2):
        await scene.mailer.until_sent(20)
        await scene.queue.until(lambda: len(scene.queue) == 10)

    assert [scene.queue.receive_count(poison) for poison in scene.queue.ids] == [1] * 10
    assert {scene.queue.hidden_seconds(poison) for poison in scene.queue.ids} == {30}


async def test_an_unexpected_exception_leaves_the_message_and_the_worker(scene: Scene) -> None:
    scene.orders.failing = {"o-1": ZeroDivisionError("a bug")}
    await scene.place("o-1")
    await scene.place("o-2")

    async with scene.working():
        await scene.mailer.until_sent(1)

    assert len(scene.queue) == 1


async def test_a_mail_that_ses_refuses_for_good_is_marked_and_done(scene: Scene) -> None:
    scene.mailer.trouble = MailRefused("BadRequestException: Domain contains illegal character")
    await scene.place("o-1", recipient="ada@exa mple.com")

    async with scene.working():
        await scene.queue.until_empty()

    row = (await scene.notifications())["o-1"]
    assert row.state is State.FAILED_PERMANENTLY
    assert row.failure_reason == "BadRequestException: Domain contains illegal character"
    assert scene.orders.told == ["o-1"]


async def test_a_message_stays_when_orders_cannot_be_informed(scene: Scene) -> None:
    scene.orders.confirm_trouble = OrderRefused("FAILED_PRECONDITION ORDER_NOT_TERMINAL")
    await scene.place("o-1")

    async with scene.working():
        await scene.mailer.until_sent(1)

    assert len(scene.queue) == 1
    assert scene.orders.told == []

    scene.orders.confirm_trouble = None
    scene.clock.advance(31)
    async with scene.working():
        await scene.queue.until_empty()

    assert scene.orders.told == ["o-1"]
    assert len(scene.mailer.sent) == 1, "the mail is not sent again for that"


async def test_a_mail_that_was_sent_is_marked_through_an_outage_of_the_database(scene: Scene) -> None:
    scene.store = FlakyStore()
    await scene.place("o-1")

    async with scene.working():
        await scene.queue.until_empty()

    assert len(scene.mailer.sent) == 1
    assert (await scene.notifications())["o-1"].state is State.SENT


async def test_a_lost_answer_of_ses_repeats_the_mail_rather_than_losing_it(scene: Scene) -> None:
    scene.mailer.lost_answer = SES_IS_SLOW
    message_id = await scene.place("o-1")

    async with scene.working():
        await scene.queue.until(lambda: 0 < scene.queue.hidden_seconds(message_id) < 30)
        scene.mailer.lost_answer = None
        scene.clock.advance(15)
        await scene.queue.until_empty()

    row = (await scene.notifications())["o-1"]
    assert len(scene.mailer.sent) == 2
    assert (row.state, row.attempts, row.last_error) == (State.SENT, 2, "")


async def test_a_slow_ses_gets_a_mail_again_only_when_its_lease_is_over_and_later_each_time(scene: Scene) -> None:
    """SES takes every mail, answers too late, and passes its probe."""
    scene.mailer.lost_answer = SES_IS_SLOW
    message_id = await scene.place("o-1")
    begun = scene.clock.now()
    sent_at: list[float] = []

    async with scene.working():
        for delivery in range(1, 8):
            await scene.queue.until(
                lambda delivery=delivery: (  # type: ignore[misc] # bound now
                    scene.queue.receive_count(message_id) == delivery and scene.queue.hidden_seconds(message_id) != 30
                )
            )
            if len(scene.mailer.sent) > len(sent_at):
                sent_at.append((scene.clock.now() - begun).total_seconds())
            scene.clock.advance(scene.queue.hidden_seconds(message_id))
        row = (await scene.notifications())["o-1"]

    assert sent_at == [0, 15, 30, 62, 126]
    assert (row.state, row.last_error) == (State.SENDING, "SES: does not answer (TimeoutError)")


async def test_stopping_keeps_the_lease_of_a_mail_that_ses_may_have(scene: Scene) -> None:
    class SilentMailer(MemoryMailer):
        async def probe(self) -> None:
            raise DependencyDown(Dependency.SES, "does not answer")

    scene.mailer = SilentMailer()
    scene.mailer.lost_answer = SES_IS_SLOW
    message_id = await scene.place("o-1")

    async with scene.working(drain_seconds=60) as worker:
        await scene.mailer.until_sent(1)
        worker.cancel()
        await asyncio.wait([worker])

    row = (await scene.notifications())["o-1"]
    assert given_back(scene.queue, message_id)
    assert (row.lease_expire_time - scene.clock.now()).total_seconds() == 15


async def test_no_more_is_in_flight_than_there_is_room_for(scene: Scene) -> None:
    mailer = scene.mailer = HeldMailer()
    placed = [await scene.place(f"o-{number}") for number in range(5)]

    async with scene.working(messages_in_flight_max=3):
        await mailer.begun.wait()
        await scene.queue.until_received(placed[2])
        received = [scene.queue.receive_count(message_id) for message_id in placed]
        mailer.let.set()
        await scene.queue.until_empty()

    assert received == [1, 1, 1, 0, 0]


async def test_what_is_in_flight_stays_hidden(scene: Scene) -> None:
    mailer = scene.mailer = HeldMailer()
    message_id = await scene.place("o-1")

    async with scene.working(heartbeat_seconds=0.01):
        await mailer.begun.wait()
        for _ in range(3):
            scene.clock.advance(20)
            beats = scene.queue.extensions
            await scene.queue.until(lambda beats=beats: scene.queue.extensions > beats)  # type: ignore[misc] # bound now
        assert scene.queue.receive_count(message_id) == 1
        mailer.let.set()
        await scene.queue.until_empty()

    assert len(scene.mailer.sent) == 1


async def test_a_queue_that_is_down_is_waited_for(scene: Scene) -> None:
    await scene.place("o-1")
    scene.queue.down = True

    async with scene.working():
        await scene.queue.until(lambda: scene.queue.refused_calls > 0)
        scene.queue.down = False
        await scene.queue.until_empty()

    assert len(scene.mailer.sent) == 1


async def test_stopping_finishes_what_is_in_flight_and_takes_nothing_new(scene: Scene) -> None:
    mailer = scene.mailer = HeldMailer()
    await scene.place("o-1")

    async with scene.working() as worker:
        await mailer.begun.wait()
        worker.cancel()
        late = await scene.place("o-2")
        mailer.let.set()
        await asyncio.wait([worker])

    assert worker.cancelled()
    assert scene.orders.told == ["o-1"]
    assert (len(scene.queue), scene.queue.receive_count(late)) == (1, 0)


async def test_what_cannot_be_finished_in_time_is_given_back_and_sent_once(scene: Scene) -> None:
    mailer = scene.mailer = HeldMailer()
    message_id = await scene.place("o-1")

    async with scene.working(drain_seconds=0.01):
        await mailer.begun.wait()

    assert scene.queue.hidden_seconds(message_id) == 0
    mailer.let.set()
    await mailer.until_sent(1)
    async with scene.working():
        await scene.queue.until_empty()
    assert len(mailer.sent) == 1


async def test_stopping_in_an_outage_gives_back_at_once(scene: Scene) -> None:
    scene.orders.trouble = ORDERS_DOWN
    placed = [await scene.place(f"o-{number}") for number in range(3)]

    async with scene.working(drain_seconds=60) as worker:
        await scene.orders.until(lambda: scene.orders.probes > 0)
        worker.cancel()
        await asyncio.wait([worker])

    assert [scene.queue.hidden_seconds(message_id) for message_id in placed] == [0, 0, 0]
