"""What is in flight has a limit, stays hidden, and is finished or given back when the worker stops."""

import asyncio

from services.notifier.errors import Dependency, DependencyDown
from services.notifier.mail import Mail
from services.notifier.memory_mailer import MemoryMailer
from services.notifier.tests.scene import Scene, given_back
from services.notifier.tests.troubles import ORDERS_DOWN, SES_IS_SLOW


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
