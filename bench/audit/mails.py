"""Notifications and the mails that SES got (I5, MAILS)."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from bench.audit.checks import Check
from bench.audit.data import Data
from deploy.local.mails import Mail
from services.notifier.mail import SUBJECTS

_ORDER_ID = re.compile(r"Order ([0-9a-f]{32})\b")
_KINDS = [(kind.value, re.compile(subject.format(number="[0-9a-f]+"))) for kind, subject in SUBJECTS.items()]


class MailRecord(NamedTuple):
    """One request that SES got: about which order, of which kind (processed, failed, cancelled), to whom, its end."""

    order_id: str
    kind: str
    recipient: str
    accepted: bool

    @property
    def notification_id(self) -> str:
        """The notification that it is for."""
        return f"{self.order_id}:{self.kind}"


def mail_record(mail: Mail) -> MailRecord | None:
    """What an accepted mail is about, read as its customer would; None for one that is not of an order."""
    order_id = _ORDER_ID.search(mail.body)
    kind = next((kind for kind, subject in _KINDS if subject.fullmatch(mail.subject)), None)
    if not (order_id and kind):
        return None
    return MailRecord(order_id.group(1), kind, ", ".join(mail.recipients), accepted=True)


def notification_findings(data: Data) -> Iterator[str]:
    """What is wrong with notifications, at every moment: one is made only when its order has ended so."""
    expected = {order.notification_id for order in data.orders.values() if order.is_terminal}
    for key in sorted(data.notifications.keys() - expected):
        yield Check.I5.finding(f"notification {key} belongs to no order that ended so")
    for order in data.orders.values():
        if order.notification == "DONE" and not _is_final(data, order.notification_id):
            yield Check.I5.finding(f"order {order.order_id} says DONE, its notification is not sent")


def untold_findings(data: Data) -> Iterator[str]:
    """Who was not told; at rest everybody was."""
    for order in data.orders.values():
        if order.is_terminal and not _is_final(data, order.notification_id):
            row = data.notifications.get(order.notification_id)
            yield Check.I5.finding(f"notification {order.notification_id} is {row.state if row else 'not there'}")
        if order.is_terminal and order.notification != "DONE":
            yield Check.I5.finding(f"order {order.order_id} is {order.status} and says {order.notification}, not DONE")


def request_findings(data: Data, mails: Iterable[MailRecord]) -> Iterator[str]:
    """Mails that SES was asked for more often than attempts are recorded, at every moment."""
    for key, requests in Counter(mail.notification_id for mail in mails).items():
        row = data.notifications.get(key)
        attempts = row.attempts if row else 0
        if requests > attempts:
            yield Check.MAILS.finding(f"SES was asked {requests} times for {key}, {attempts} attempts are recorded")


def strangers_findings(data: Data, mails: Iterable[MailRecord]) -> Iterator[str]:
    """Mails to somebody else than the order's customer, at every moment. No finding repeats an address."""
    for mail in mails:
        order = data.orders.get(mail.order_id)
        if order is not None and mail.recipient != order.email:
            yield Check.MAILS.finding(f"a mail about order {mail.order_id} went to another address than its customer's")


def repeated_mail_findings(mails: Iterable[MailRecord]) -> Iterator[str]:
    """Customers who were told the same twice, when there was no fault that would explain it."""
    for key, accepted in Counter(mail.notification_id for mail in mails if mail.accepted).items():
        if accepted > 1:
            yield Check.I5.finding(f"SES accepted {accepted} mails for notification {key}, and there was no fault")


def given_up_findings(data: Data, refused_addresses: str) -> Iterator[str]:
    """Notifications that were given up, though SES refuses only addresses with ``refused_addresses`` in them."""
    for order in data.orders.values():
        row = data.notifications.get(order.notification_id)
        is_refused = refused_addresses and refused_addresses in order.email
        if row is not None and row.state == "FAILED_PERMANENTLY" and not is_refused:
            yield Check.MAILS.finding(f"notification {order.notification_id} was given up, SES does not refuse it")


def lost_mail_findings(data: Data, mails: Iterable[MailRecord], since: datetime | None) -> Iterator[str]:
    """Notifications that are SENT, and SES accepted none. ``since`` is when SES began to remember; None: always."""
    accepted = {mail.notification_id for mail in mails if mail.accepted}
    for key, row in data.notifications.items():
        is_remembered = since is None or (row.send_time is not None and row.send_time >= since)
        if row.state == "SENT" and is_remembered and key not in accepted:
            yield Check.MAILS.finding(f"notification {key} is SENT, SES accepted no mail")


def mail_counts(data: Data, mails: Iterable[MailRecord]) -> dict[str, int]:
    """Accepted mails, those of them that repeat an earlier one, and notifications that ended without a mail."""
    accepted = Counter(mail.notification_id for mail in mails if mail.accepted)
    refused = sum(row.state == "FAILED_PERMANENTLY" for row in data.notifications.values())
    return {
        "mails": accepted.total(),
        "mails repeated": accepted.total() - len(accepted),
        "mails refused for good": refused,
    }


def _is_final(data: Data, key: str) -> bool:
    row = data.notifications.get(key)
    return row is not None and row.is_final
