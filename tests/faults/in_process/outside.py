"""What outlives every process: databases, the queue, the mailbox, and the time."""

from dataclasses import dataclass, field

from chassis.clock import SystemClock
from chassis.testing import ManualClock
from services.inventory.memory_store import MemoryStore as MemoryInventory
from services.inventory.store import InventoryStore
from services.notifier.dead_letter_store import DeadLetterStore
from services.notifier.delivery_failure import DeliveryFailures
from services.notifier.errors import Dependency, DependencyDown, MailRefused, MailUnconfirmed
from services.notifier.mail import Mail
from services.notifier.memory_dead_letters import MemoryDeadLetters
from services.notifier.memory_delivery_failures import MemoryDeliveryFailures
from services.notifier.memory_queue import MemoryQueue
from services.notifier.memory_store import MemoryStore as MemoryNotifications
from services.notifier.store import NotificationStore
from services.orders.cache import MemoryCache
from services.orders.changes import MemoryChanges
from services.orders.memory_store import MemoryStore as MemoryOrders
from services.orders.store import OrderStore
from tests.faults.in_process.queues import RedrivingQueue
from tests.faults.in_process.times import SWEEP_TIMES

SLOW = "slow@example.com"
REFUSED = "refused@example.com"
UNCONFIRMED = "unconfirmed@example.com"
UNLUCKY = "unlucky@example.com"


class Mailbox:
    """Takes mail, but not as one would wish from everybody.

    The first mail to ``SLOW`` takes a heartbeat of the worker, ``REFUSED`` is never accepted, the first answer
    about ``UNCONFIRMED`` is lost, and SES is away when the first mail to ``UNLUCKY`` should leave.
    """

    def __init__(self, queue: MemoryQueue) -> None:
        self.accepted: list[str] = []
        self._queue = queue
        self._met: set[str] = set()

    async def send(self, recipient: str, mail: Mail) -> str:
        """See :class:`services.notifier.mailer.Mailer`."""
        is_first = recipient not in self._met
        self._met.add(recipient)
        if recipient == REFUSED:
            raise MailRefused("there is no such address")
        if recipient == UNLUCKY and is_first:
            raise DependencyDown(Dependency.SES, "away")
        if recipient == SLOW and is_first:
            beats = self._queue.extensions
            await self._queue.until(lambda: self._queue.extensions > beats)
        self.accepted.append(recipient)
        if recipient == UNCONFIRMED and is_first:
            raise MailUnconfirmed("the answer was lost")
        return f"mail-{len(self.accepted)}"

    async def probe(self) -> None:
        """See :class:`services.notifier.mailer.Mailer`."""


@dataclass
class Outside:
    """Everything that is left when all processes are dead. The time is today's, or MongoDB would tidy up."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(SystemClock().now()))
    inventory: InventoryStore = field(default_factory=MemoryInventory)
    orders: OrderStore = field(default_factory=lambda: MemoryOrders(SWEEP_TIMES))
    notifications: NotificationStore = field(default_factory=MemoryNotifications)
    failures: DeliveryFailures = field(default_factory=MemoryDeliveryFailures)
    letters: DeadLetterStore = field(default_factory=MemoryDeadLetters)

    def __post_init__(self) -> None:
        self.queue = RedrivingQueue(self.clock)
        self.mailbox = Mailbox(self.queue)
        self.cache = MemoryCache()
        self.changes = MemoryChanges()

    async def let_pass(self, seconds: float) -> None:
        """Move the clock."""
        self.clock.advance(seconds)
        for queue in (self.queue, self.queue.dead):
            await queue.look_again()
