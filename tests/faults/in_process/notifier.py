"""A life of the notifier: its worker, its drainer, and what admins can ask of it."""

from collections.abc import Callable, Sequence

from services.notifier.app import build_worker
from services.notifier.dead_letter_store import DEAD_LETTERS_PORT
from services.notifier.delete_dead_letter import delete_dead_letter
from services.notifier.delivery_failure import DELIVERY_FAILURES_PORT
from services.notifier.drainer import Drainer
from services.notifier.mailer import MAILER_PORT
from services.notifier.orders import ORDERS_PORT
from services.notifier.queue import DEAD_LETTER_QUEUE_PORT, QUEUE_PORT, REDRIVE_QUEUE_PORT
from services.notifier.redrive import Redriver
from services.notifier.store import STORE_PORT
from services.notifier.worker import WorkerLimits
from tests.faults.in_process.orders import DirectOrders, Orders
from tests.faults.in_process.outside import Outside
from tests.faults.in_process.process import Plan, Process
from tests.faults.in_process.times import DRAIN_SECONDS, HEARTBEAT_SECONDS, LEASE_SECONDS, SEND_SECONDS

MESSAGES_IN_FLIGHT_MAX = 1
"""With more, a death at one message would leave the mail of another between SES and the mark."""


class Notifier:
    """A worker and a drainer that work from their birth on."""

    def __init__(self, outside: Outside, plan: Plan, orders: Callable[[], Orders]) -> None:
        self.process = Process(plan)
        self._clock = outside.clock
        around = self.process.around
        failures = around(outside.failures, DELIVERY_FAILURES_PORT)
        self._letters = around(outside.letters, DEAD_LETTERS_PORT)
        self._redriver = Redriver(self._letters, around(outside.queue, REDRIVE_QUEUE_PORT), self._clock)
        drainer = Drainer(around(outside.queue.dead, DEAD_LETTER_QUEUE_PORT), self._letters, failures, self._clock)
        worker = build_worker(
            around(outside.queue, QUEUE_PORT),
            around(DirectOrders(orders), ORDERS_PORT),
            around(outside.mailbox, MAILER_PORT),
            around(outside.notifications, STORE_PORT),
            failures,
            self._clock,
            WorkerLimits(HEARTBEAT_SECONDS, DRAIN_SECONDS, messages_in_flight_max=MESSAGES_IN_FLIGHT_MAX),
            LEASE_SECONDS,
            SEND_SECONDS,
        )
        self.process.spawn(worker.run())
        self.process.spawn(drainer.run())

    async def redrive(self, message_ids: Sequence[str]) -> None:
        """RedriveDeadLetters."""
        await self._redriver.redrive(message_ids)

    async def delete(self, message_id: str) -> None:
        """DeleteDeadLetter."""
        await delete_dead_letter(self._letters, self._clock, message_id)

    async def look_after_dead_letters(self) -> None:
        """One round of the redriver."""
        await self._redriver.finish_abandoned()
