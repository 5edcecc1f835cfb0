"""A message that fails says why, and stops no other."""

import asyncio

from services.notifier.delivery_failure import DeliveryFailure
from services.notifier.errors import Dependency, DependencyDown, DependencyFailed
from services.notifier.memory_delivery_failures import MemoryDeliveryFailures
from services.notifier.notification import State
from services.notifier.tests.scene import Scene, event_body
from services.notifier.tests.troubles import SES_THROTTLES


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
