"""A mailbox in memory."""

import asyncio
from dataclasses import dataclass

from services.notifier.mail import Mail


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail and who got it."""

    recipient: str
    mail: Mail


class MemoryMailer:
    """See :class:`services.notifier.mailer.Mailer`. While ``trouble`` is set, it is what sending raises.

    A mail sent under ``lost_answer`` is accepted all the same, and that exception raised.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.trouble: Exception | None = None
        self.lost_answer: Exception | None = None
        self.attempts = 0
        self._changed = asyncio.Condition()

    async def send(self, recipient: str, mail: Mail) -> str:
        """See the port."""
        async with self._changed:
            self.attempts += 1
            self._changed.notify_all()
            if self.trouble is not None:
                raise self.trouble
            self.sent.append(Sent(recipient, mail))
        if self.lost_answer is not None:
            raise self.lost_answer
        return f"mail-{len(self.sent)}"

    async def probe(self) -> None:
        """See the port."""
        if self.trouble is not None:
            raise self.trouble

    async def until_sent(self, count: int) -> None:
        """Wait until ``count`` mails were accepted."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.sent) >= count)

    async def until_tried(self, count: int) -> None:
        """Wait until sending was tried ``count`` times."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.attempts >= count)
