"""E-mails as moto keeps them."""

from email.message import EmailMessage

from chassis.aws import open_aws_client
from deploy.local.mails import received_mails
from deploy.local.moto_server import LocalAws


async def test_a_mail_sent_raw_is_read_like_any_other(aws: LocalAws) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = aws.sender_email, "ada@example.com", "Größe 7"
    mail.set_content("plain")
    mail.add_alternative("<p>rich</p>", subtype="html")
    async with open_aws_client(aws.config, "sesv2", attempts_max=1, read_timeout_seconds=5) as ses:
        await ses.send_email(
            FromEmailAddress=aws.sender_email,
            Destination={"ToAddresses": ["ada@example.com"]},
            Content={"Raw": {"Data": mail.as_bytes()}},
        )

    received = (await received_mails(aws.endpoint_url))[-1]

    assert (received.recipients, received.subject) == (("ada@example.com",), "Größe 7")
    assert "<p>rich</p>" in received.body
