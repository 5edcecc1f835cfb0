"""A call to the queue that never returns keeps neither the heartbeat nor other messages waiting."""

import asyncio
from collections.abc import Sequence

import pytest

from chassis.clock import Clock
from services.notifier.errors import Dependency, DependencyFailed
from services.notifier.mail import Mail
from services.notifier.memory_mailer import MemoryMailer
from services.notifier.memory_queue import MemoryQueue
from services.notifier.queue import Message
from services.notifier.tests.scene import Scene

HEARTBEAT_SECONDS = 0.01
VISIBILITY_SECONDS = 30.0


class HangingQueue(MemoryQueue):
    """The first call of ``hanging`` never returns."""

    def __init__(self, clock: Clock, hanging: str) -> None:
        super().__init__(clock, VISIBILITY_SECONDS)
        self.hung = asyncio.Event()
        self._hanging = hanging

    async def extend(self, messages: Sequence[Message]) -> None:
        await self._perhaps_hang("extend")
        await super().extend(messages)

    async def give_back(self, message: Message, delay_seconds: float) -> None:
        await self._perhaps_hang("give_back")
        await super().give_back(message, delay_seconds)

    async def _perhaps_hang(self, call: str) -> None:
        if call == self._hanging and not self.hung.is_set():
            self.hung.set()
            await asyncio.Event().wait()


class HeldMailer(MemoryMailer):
    """Sending waits until the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Event()

    async def send(self, recipient: str, mail: Mail) -> str:
        await self.let.wait()
        return await super().send(recipient, mail)


@pytest.mark.parametrize("hanging", ["extend", "give_back"])
async def test_what_is_in_flight_stays_hidden_although_a_call_hangs(scene: Scene, hanging: str) -> None:
    queue = scene.queue = HangingQueue(scene.clock, hanging)
    mailer = scene.mailer = HeldMailer()
    scene.orders.failing = {"o-2": DependencyFailed(Dependency.ORDERS, "INTERNAL")}
    message_id = await scene.place("o-1")
    await scene.place("o-2")

    async with scene.working(heartbeat_seconds=HEARTBEAT_SECONDS):
        await queue.hung.wait()
        for _ in range(3):
            scene.clock.advance(20)
            await queue.until(lambda: queue.hidden_seconds(message_id) == VISIBILITY_SECONDS)
        delivered = queue.receive_count(message_id)
        scene.orders.failing = {}
        mailer.let.set()
        await queue.until(lambda: message_id not in queue.ids)

    assert delivered == 1


async def test_a_message_is_given_back_although_a_heartbeat_hangs(scene: Scene) -> None:
    queue = scene.queue = HangingQueue(scene.clock, "extend")
    scene.orders.failing = {"o-1": DependencyFailed(Dependency.ORDERS, "INTERNAL")}

    async with scene.working(heartbeat_seconds=HEARTBEAT_SECONDS):
        await queue.hung.wait()
        message_id = await scene.place("o-1")
        await queue.until(lambda: 0 < queue.hidden_seconds(message_id) < VISIBILITY_SECONDS)

    assert queue.receive_count(message_id) == 1
