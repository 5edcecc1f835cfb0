"""SES: a real moto server, and answers that only the real SES gives."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from chassis.aws import AwsConfig, open_aws_client
from chassis.config import Secret
from deploy.local.mails import received_mails
from services.notifier.errors import Dependency, DependencyDown, DependencyFailed, MailRefused, MailUnconfirmed
from services.notifier.mail import render
from services.notifier.ses_mailer import SesMailer, identities_of
from services.notifier.tests.scene import Aws, order

MAIL = render(order())


class ScriptedSes:
    """A client that answers each call with an error of SES."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
        self.error = ClientError(answer, "SendEmail")

    async def send_email(self, **_: object) -> None:
        raise self.error

    async def get_email_identity(self, **_: object) -> None:
        raise self.error


def scripted(code: str, message: str = "", status: int = 400) -> SesMailer:
    client: Any = ScriptedSes(code, message, status)
    return SesMailer(client, "orders@example.com", 5)


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Accepts connections and never answers."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def server_that(breaks: Callable[[asyncio.StreamWriter], None]) -> AsyncIterator[str]:
    """Reads a request, and then only breaks."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        breaks(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def close(writer: asyncio.StreamWriter) -> None:
    writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


def answer_html(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>")
    writer.close()


def answer_in_part(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
    writer.close()


@asynccontextmanager
async def mailer_at(url: str, timeout_seconds: float) -> AsyncIterator[SesMailer]:
    config = AwsConfig("us-east-1", "local", Secret("local"), None, (("sqs", url), ("sesv2", url)))
    async with open_aws_client(config, "sesv2", attempts_max=1, read_timeout_seconds=5) as ses:
        yield SesMailer(ses, "orders@example.com", timeout_seconds)


async def test_a_mail_reaches_its_recipient(aws_clients: Aws) -> None:
    mailer = SesMailer(aws_clients.ses, aws_clients.local.sender_email, 5)

    message_id = await mailer.send("ada+mug@example.com", MAIL)

    (mail,) = [m for m in await received_mails(aws_clients.local.endpoint_url) if "ada+mug" in str(m.recipients)]
    assert message_id
    assert mail.recipients == ("ada+mug@example.com",)
    assert (mail.sender, mail.subject, mail.body) == (aws_clients.local.sender_email, MAIL.subject, MAIL.html)


async def test_a_verified_sender_passes_the_probe_and_another_does_not(aws_clients: Aws) -> None:
    await SesMailer(aws_clients.ses, f"OrderMesh <{aws_clients.local.sender_email}>", 5).probe()

    with pytest.raises(DependencyDown, match="not verified"):
        await SesMailer(aws_clients.ses, "orders@elsewhere.example", 5).probe()


async def test_a_sender_that_is_not_verified_is_no_failure_of_the_mail(aws_clients: Aws) -> None:
    mailer = SesMailer(aws_clients.ses, "orders@elsewhere.example", 5)

    with pytest.raises(DependencyFailed) as caught:
        await mailer.send("ada@example.com", MAIL)

    assert "@" not in caught.value.message


@pytest.mark.parametrize(
    "recipient", ["", "ada", "ada@", "@example.com", "ada@example.com,eve@evil.example", "ada@x\r\nBcc: e@evil.example"]
)
async def test_what_is_no_address_is_refused_without_asking(recipient: str) -> None:
    with pytest.raises(MailRefused, match="no usable address"):
        await scripted("InternalFailure", status=500).send(recipient, MAIL)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("BadRequestException", "Domain contains illegal character"),
        ("MessageRejected", "Email contains a virus"),
        ("MessageRejected", "The message can't be sent because it contains invalid content."),
        ("MessageRejected", "Address blacklisted."),
    ],
)
async def test_what_ses_refuses_for_good_is_refused(code: str, message: str) -> None:
    with pytest.raises(MailRefused, match=f"{code}: {message}"):
        await scripted(code, message).send("ada@example.com", MAIL)


async def test_the_reason_of_a_refusal_has_no_address_in_it() -> None:
    with pytest.raises(MailRefused) as caught:
        await scripted("BadRequestException", "<ada@exa_mple.com> is bad").send("ada@exa_mple.com", MAIL)

    assert caught.value.message == "BadRequestException: <<address>> is bad"


INBOX = "For more information, please check the inbox of the email address associated with your AWS account."


@pytest.mark.parametrize(
    ("code", "message", "status"),
    [
        ("TooManyRequestsException", "", 429),
        ("ThrottlingException", "", 400),
        ("LimitExceededException", "", 400),
        ("AccountSuspendedException", "", 400),
        ("SendingPausedException", "", 400),
        ("MailFromDomainNotVerifiedException", "", 400),
        ("ExpiredTokenException", "", 403),
        ("Throttling", "", 503),
        ("MessageRejected", f"Sending paused for this account. {INBOX}", 400),
        ("MessageRejected", f"Sending suspended for this account. {INBOX}", 400),
    ],
)
async def test_what_concerns_everybody_is_an_outage(code: str, message: str, status: int) -> None:
    with pytest.raises(DependencyDown) as caught:
        await scripted(code, message, status).send("ada@example.com", MAIL)

    assert not isinstance(caught.value, DependencyFailed)
    assert caught.value.dependency is Dependency.SES


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "MessageRejected",
            "Email address is not verified. These identities failed the check: ada@example.com",
        ),
        ("MessageRejected", "said the future"),
        ("MessageRejected", ""),
        ("NotFoundException", "Configuration set <x> does not exist."),
        ("SomethingNewException", "said the future"),
    ],
)
async def test_what_is_not_clear_loses_no_mail(code: str, message: str) -> None:
    with pytest.raises(DependencyFailed) as caught:
        await scripted(code, message).send("ada@example.com", MAIL)

    assert not isinstance(caught.value, MailUnconfirmed), "SES said that it did not take it"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://ses.invalid"], ids=["refused", "no-such-name"])
async def test_an_ses_that_is_not_reached_has_no_mail(url: str) -> None:
    async with mailer_at(url, 5) as mailer:
        with pytest.raises(DependencyDown, match="does not answer") as caught:
            await mailer.send("ada@example.com", MAIL)
        with pytest.raises(DependencyDown, match="does not answer"):
            await mailer.probe()

    assert not isinstance(caught.value, DependencyFailed)


async def test_without_tls_on_the_other_side_ses_has_no_mail() -> None:
    async with server_that(close) as url, mailer_at(url.replace("http:", "https:"), 5) as mailer:
        with pytest.raises(DependencyDown) as caught:
            await mailer.send("ada@example.com", MAIL)

    assert not isinstance(caught.value, DependencyFailed)


async def test_without_keys_ses_has_no_mail() -> None:
    client: Any = ScriptedSes("", "")
    client.error = NoCredentialsError()

    with pytest.raises(DependencyDown) as caught:
        await SesMailer(client, "orders@example.com", 5).send("ada@example.com", MAIL)

    assert not isinstance(caught.value, DependencyFailed)


async def test_an_ses_that_does_not_answer_within_the_bound_may_have_the_mail() -> None:
    async with silent_server() as url, mailer_at(url, 0.05) as mailer:
        with pytest.raises(MailUnconfirmed, match="does not answer"):
            await mailer.send("ada@example.com", MAIL)


@pytest.mark.parametrize("breaks", [close, reset, answer_html, answer_in_part])
async def test_an_ses_that_breaks_after_it_was_asked_may_have_the_mail(
    breaks: Callable[[asyncio.StreamWriter], None],
) -> None:
    async with server_that(breaks) as url, mailer_at(url, 5) as mailer:
        with pytest.raises(MailUnconfirmed):
            await mailer.send("ada@example.com", MAIL)


@pytest.mark.parametrize(("code", "status"), [("InternalServiceErrorException", 500), ("503", 503)])
async def test_an_ses_that_fails_by_itself_may_have_the_mail(code: str, status: int) -> None:
    with pytest.raises(MailUnconfirmed) as caught:
        await scripted(code, status=status).send("ada@example.com", MAIL)

    assert caught.value.dependency is Dependency.SES


async def test_keys_that_may_not_ask_for_identities_pass_the_probe() -> None:
    await scripted("AccessDeniedException", status=403).probe()


@pytest.mark.parametrize(("code", "status"), [("TooManyRequestsException", 429), ("InternalFailure", 500)])
async def test_an_ses_in_trouble_does_not_pass_the_probe(code: str, status: int) -> None:
    with pytest.raises(DependencyDown):
        await scripted(code, status=status).probe()


def test_a_sender_may_send_by_its_address_its_domain_or_one_above() -> None:
    assert identities_of("OrderMesh <orders@mail.shop.example.com>") == [
        "orders@mail.shop.example.com",
        "mail.shop.example.com",
        "shop.example.com",
        "example.com",
    ]
    assert identities_of("orders@localhost") == ["orders@localhost", "localhost"]
