"""What SES does with an identity and a mail; see the Amazon SES API v2 Reference."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any
from uuid import UUID

from tests.faults.rig.emulator.errors import AwsError
from tests.faults.rig.emulator.faults import Dice
from tests.faults.rig.emulator.mails import SentMail

Request = Mapping[str, Any]
Answer = dict[str, Any]


class Ses:
    """``mails`` are those accepted, ``mail_requests`` all that arrived, each the oldest first."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._identities: set[str] = set()
        self.mails: list[SentMail] = []
        self.mail_requests: list[SentMail] = []

    def create_identity(self, identity: str) -> Answer:
        """It may send from now on; SES itself would have its owner confirm it first.

        :raises AwsError: when it is there.
        """
        if identity in self._identities:
            raise AwsError("AlreadyExistsException", f"Email identity {identity} already exist.")
        self._identities.add(identity)
        return {"IdentityType": _type_of(identity), "VerifiedForSendingStatus": True, "DkimAttributes": {}}

    def identity(self, identity: str) -> Answer:
        """:raises AwsError: when there is none."""
        if identity not in self._identities:
            raise AwsError("NotFoundException", f"Email identity {identity} does not exist.", status=404)
        return {
            "IdentityType": _type_of(identity),
            "FeedbackForwardingStatus": True,
            "VerifiedForSendingStatus": True,
            "VerificationStatus": "SUCCESS",
        }

    def arrived(self, request: Request) -> SentMail:
        """The mail of a request, before anything is done with it.

        :raises AwsError: when it is not a simple mail to one recipient, which is all that we send.
        """
        recipients = [address for addresses in request.get("Destination", {}).values() for address in addresses]
        if len(recipients) != 1 or "Simple" not in request["Content"]:
            raise AwsError("BadRequestException", "This SES takes simple mails to one recipient.")
        simple = request["Content"]["Simple"]
        text, html = (simple["Body"].get(part, {}).get("Data", "") for part in ("Text", "Html"))
        mail = SentMail(recipients[0], simple["Subject"]["Data"], text, html)
        self.mail_requests.append(mail)
        return mail

    def accept(self, request: Request, mail: SentMail) -> Answer:
        """Take the mail.

        :raises AwsError: when its sender is no identity, or its recipient is refused.
        """
        sender = parseaddr(request["FromEmailAddress"])[1]
        labels = sender.rpartition("@")[2].split(".")
        domains = {".".join(labels[start:]) for start in range(len(labels))}
        if not self._identities & {sender, *domains}:
            words = "Email address is not verified. The following identities failed the check"
            raise AwsError("MessageRejected", f"{words}: {sender}")
        refused = self._dice.faults.refused_recipient
        if refused and refused in mail.recipient:
            self._dice.injected["refused_recipient"] += 1
            raise AwsError("BadRequestException", "The address is on the suppression list.")
        mail.message_id = str(UUID(int=self._dice.random.getrandbits(128), version=4))
        mail.time = datetime.now(UTC)
        self.mails.append(mail)
        return {"MessageId": mail.message_id}


def _type_of(identity: str) -> str:
    return "EMAIL_ADDRESS" if "@" in identity else "DOMAIN"
