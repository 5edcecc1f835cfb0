"""The worker waits for what is down, and burns no deliveries meanwhile."""

from services.notifier.notification import Kind, Lease, State
from services.notifier.tests.scene import Scene, given_back
from services.notifier.tests.troubles import ORDERS_DOWN, SES_THROTTLES


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


async def test_an_outage_and_a_busy_lease_are_no_failures_of_the_message(scene: Scene) -> None:
    await scene.store.claim(Lease.begin("o-1", Kind.PROCESSED, scene.clock.now(), 15), scene.clock.now())
    leased = await scene.place("o-1")
    scene.orders.failing = {"o-2": ORDERS_DOWN}
    down = await scene.place("o-2")

    async with scene.working():
        await scene.queue.until(lambda: scene.queue.hidden_seconds(leased) == 15)
        await scene.orders.until(lambda: scene.orders.processed.count("o-2") >= 2)

    assert [await scene.failures.find(message_id) for message_id in (leased, down)] == [None, None]


async def test_a_queue_that_is_down_is_waited_for(scene: Scene) -> None:
    await scene.place("o-1")
    scene.queue.down = True

    async with scene.working():
        await scene.queue.until(lambda: scene.queue.refused_calls > 0)
        scene.queue.down = False
        await scene.queue.until_empty()

    assert len(scene.mailer.sent) == 1
