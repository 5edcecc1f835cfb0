"""Sending mail, in the notifier's words."""

from typing import Protocol

from services.notifier.mail import Mail


class Mailer(Protocol):
    """Sends mail. It has no idempotency: calling twice may send twice."""

    async def send(self, recipient: str, mail: Mail) -> str:
        """Send once, without trying again; returns the mail's id at the provider.

        :raises MailRefused: when this mail will never be accepted.
        :raises DependencyDown: when nobody's mail is accepted now. Whether this one was is not known.
        :raises DependencyFailed: when it is not clear whose fault it is.
        """
        ...

    async def probe(self) -> None:
        """Return when mail of our sender is accepted.

        :raises DependencyDown: while it is not.
        """
        ...
