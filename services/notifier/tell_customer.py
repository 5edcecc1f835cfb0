"""Telling a customer how their order ended: once, unless that would mean never."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic

from chassis.background import Backoff, finish
from chassis.clock import Clock
from services.notifier.errors import (
    DependencyDown,
    MailRefused,
    MailUnconfirmed,
    NotificationLeased,
    without_addresses,
)
from services.notifier.mail import render
from services.notifier.mailer import Mailer
from services.notifier.metrics import ACCEPT_TO_MAIL, MAILS, MAILS_REPEATED, MARKS_LOST
from services.notifier.notification import Lease, Notification
from services.notifier.order import Order
from services.notifier.store import NotificationStore

_log = logging.getLogger(__name__)

MARK_SECONDS_MAX = 30.0
"""How long a mail that SES accepted is tried to be recorded; after that it will be sent again."""


class Teller:
    """Sends each notification once.

    SES cannot be asked whether it has a mail already. A mail repeats when SES accepted it and the answer
    or our mark was lost, or when the process froze between looking at the lease and sending. While SES may
    have a mail the lease is kept, so that a slow SES gets it rarely, not as often as it can be asked.
    ``send_seconds`` is how long the mailer may take.
    """

    def __init__(
        self, store: NotificationStore, mailer: Mailer, clock: Clock, lease_seconds: float, send_seconds: float
    ) -> None:
        self._store = store
        self._mailer = mailer
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._send_seconds = send_seconds

    async def tell(self, order: Order) -> None:
        """Return when the customer was told or cannot be.

        :raises NotificationLeased: when another delivery may be sending at this moment.
        :raises DependencyDown: when the database or SES is; nothing was sent, or it is MailUnconfirmed.
        """
        now = self._clock.now()
        lease = Lease.begin(order.order_id, order.outcome, now, self._lease_seconds)
        claim = await self._store.claim(lease, now)
        if claim.granted:
            # To its end even when the process stops: what was sent should be marked.
            await finish(self._send(order, lease, claim.notification))
        elif not claim.notification.is_final:
            raise NotificationLeased((claim.notification.lease_expire_time - now).total_seconds())

    async def _send(self, order: Order, lease: Lease, notification: Notification) -> None:
        now = self._clock.now()
        if not lease.outlives(now, self._send_seconds):
            raise NotificationLeased((lease.expire_time - now).total_seconds())
        if notification.may_have_been_sent:
            MAILS_REPEATED.inc()
        try:
            message_id = await self._mailer.send(order.recipient, render(order))
        except MailRefused as refusal:
            MAILS.labels(order.outcome, "refused").inc()
            _log.warning("mail refused for good: %s", refusal.message, extra={"fields": _fields(lease)})
            await self._mark(lease, partial(self._store.mark_failed, lease, refusal.message))
        except MailUnconfirmed as error:
            MAILS.labels(order.outcome, "unknown").inc()
            await self._note(lease, self._store.note_error(lease, without_addresses(error.message)))
            raise
        except DependencyDown as error:
            MAILS.labels(order.outcome, "not_taken").inc()
            # The next attempt may begin at once.
            await self._note(lease, self._store.release(lease, self._clock.now(), without_addresses(error.message)))
            raise
        except Exception as bug:
            words = without_addresses(f"{type(bug).__name__}: {bug}")
            await self._note(lease, self._store.note_error(lease, words))
            raise
        else:
            MAILS.labels(order.outcome, "sent").inc()
            ACCEPT_TO_MAIL.labels(order.outcome).observe((self._clock.now() - order.create_time).total_seconds())
            await self._mark(lease, partial(self._store.mark_sent, lease, message_id, self._clock.now()))
            _log.info("mail sent", extra={"fields": {**_fields(lease), "mail_id": message_id}})

    async def _mark(self, lease: Lease, mark: Callable[[], Awaitable[bool]]) -> None:
        """Record what SES said, through an outage of the database: forgetting it repeats the mail."""
        give_up_at = monotonic() + MARK_SECONDS_MAX
        backoff = Backoff()
        while True:
            try:
                marked = await mark()
                break
            except DependencyDown:
                if monotonic() > give_up_at:
                    MARKS_LOST.inc()
                    raise
            await backoff.wait()
        if not marked:
            MARKS_LOST.inc()
            _log.error("the lease was lost while the mail was sent", extra={"fields": _fields(lease)})
            raise NotificationLeased(self._lease_seconds)

    async def _note(self, lease: Lease, noted: Awaitable[None]) -> None:
        """Write down why nothing was sent, if that is possible: a lease that stays runs out by itself."""
        try:
            await noted
        except DependencyDown as error:
            _log.warning("trouble with a mail is not noted: %s", error.message, extra={"fields": _fields(lease)})


def _fields(lease: Lease) -> dict[str, str]:
    return {"notification_id": lease.notification_id}
