"""Only who is verified may send mails."""

from typing import Any
from uuid import uuid4

import pytest

from tests.faults.conformance.cloud import Cloud, refusal


def mail_from(sender: str, to: str = "ada@example.com") -> dict[str, Any]:
    words = {"Data": "Hello", "Charset": "UTF-8"}
    return {
        "FromEmailAddress": sender,
        "Destination": {"ToAddresses": [to]},
        "Content": {"Simple": {"Subject": words, "Body": {"Text": words, "Html": words}}},
    }


async def test_an_identity_may_send_once_it_is_there_and_nobody_else_may(cloud: Cloud) -> None:
    sender = f"shop-{uuid4().hex}@mesh.example"

    code = await refusal(cloud.ses.get_email_identity(EmailIdentity=sender))
    with pytest.raises(cloud.ses.exceptions.MessageRejected, match="not verified"):
        await cloud.ses.send_email(**mail_from(sender))
    await cloud.ses.create_email_identity(EmailIdentity=sender)
    if cloud.is_like_aws:
        assert await refusal(cloud.ses.create_email_identity(EmailIdentity=sender)) == "AlreadyExistsException"
    identity = await cloud.ses.get_email_identity(EmailIdentity=sender)
    sent = await cloud.ses.send_email(**mail_from(f"The Shop <{sender}>"))

    assert (code, identity["VerificationStatus"]) == ("NotFoundException", "SUCCESS")
    assert identity["VerifiedForSendingStatus"] is cloud.is_like_aws
    assert sent["MessageId"]


async def test_a_verified_domain_sends_for_its_addresses(cloud: Cloud) -> None:
    domain = f"{uuid4().hex}.example"
    await cloud.ses.create_email_identity(EmailIdentity=domain)

    sent = await cloud.ses.send_email(**mail_from(f"orders@{domain}"))

    assert sent["MessageId"]
