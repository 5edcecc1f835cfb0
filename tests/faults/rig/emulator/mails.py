"""Mails as SES is given them, and what they are about: it stands in their text and their subject."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.notifier.mail import SUBJECTS
from services.notifier.notification import Kind

_ORDER = re.compile(r"^--\nOrder (\S+)$", re.MULTILINE)
"""The footer of each mail: services/notifier/templates/layout.txt."""

_KINDS = {
    kind: re.compile(r"\S+".join(map(re.escape, subject.split("{number}")))) for kind, subject in SUBJECTS.items()
}


@dataclass(eq=False)
class SentMail:
    """One request to send a mail. ``time`` is when it arrived, or was accepted if it was."""

    recipient: str
    subject: str
    text: str
    html: str
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    message_id: str = ""
    """SES's id; empty when the mail was not accepted."""
    answered: bool = False
    """Whether SES's answer, yes or no, was written to a connection that was still open."""

    @property
    def accepted(self) -> bool:
        """Whether SES took it."""
        return bool(self.message_id)

    @property
    def order_id(self) -> str:
        """The order it is about; empty when the text has no footer of ours."""
        found = _ORDER.search(self.text)
        return found[1] if found else ""

    @property
    def kind(self) -> Kind | None:
        """What it tells of the order; nothing when the subject is none of ours."""
        return next((kind for kind, subject in _KINDS.items() if subject.fullmatch(self.subject)), None)
