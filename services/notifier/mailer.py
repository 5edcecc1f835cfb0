"""Sending mail, in the notifier's words."""

from typing import Protocol

from chassis.crash_points import Port
from services.notifier.mail import Mail


class Mailer(Protocol):
    """Sends mail. It has no idempotency: calling twice may send twice."""

    async def send(self, recipient: str, mail: Mail) -> str:
        """Send once, without trying again; returns the mail's id at the provider.

        :raises MailRefused: when this mail will never be accepted.
        :raises DependencyDown: when nobody's mail is accepted now, and this one was not.
        :raises DependencyFailed: when it was not accepted and it is not clear whose fault that is.
        :raises MailUnconfirmed: when it is not known whether it was accepted.
        """
        ...

    async def probe(self) -> None:
        """Return when mail of our sender is accepted.

        :raises DependencyDown: while it is not.
        """
        ...


MAILER_PORT = Port(
    "notifier.mailer",
    Mailer,
    effects=("send",),
    reads=("probe",),
)
