"""Mail through SES v2, and what its errors mean.

The tables say which errors are a mail's own and which are everybody's. What is in none of them is
:class:`DependencyFailed`: losing a mail is worse than repeating one. Where SES said no, or was not reached, it
has no mail; where it broke or fell silent it may have one (:class:`MailUnconfirmed`).
"""

import asyncio
import re
import socket
from email.utils import parseaddr
from typing import TYPE_CHECKING

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
)

from chassis.call import current_call
from chassis.span_attributes import AWS_REQUEST_ID, RPC_METHOD, RPC_SYSTEM_NAME
from chassis.tracing import Kind, Span, spanning
from services.notifier.errors import (
    Dependency,
    DependencyDown,
    DependencyFailed,
    MailRefused,
    MailUnconfirmed,
    without_addresses,
)
from services.notifier.mail import Mail

if TYPE_CHECKING:
    from types_aiobotocore_sesv2 import SESV2Client
    from types_aiobotocore_sesv2.type_defs import SendEmailResponseTypeDef

CHARSET = "UTF-8"
SERVER_ERROR = 500
SPAN_NAME = "SESv2/SendEmail"
RECIPIENT_LENGTH_MAX = 320

_RECIPIENT = re.compile(r"[^@\s,;<>\x00-\x1f\x7f]+@[^@\s,;<>\x00-\x1f\x7f]+")

REJECTED = "MessageRejected"
"""SES says so of anything. Of whom it speaks only its words tell: unverified identities, for example, are the sender's
and in SES's sandbox the recipient's."""

_OF_THE_ACCOUNT = re.compile(r"\b(sending|account)\b[^.]*\b(paused|suspended|disabled)\b", re.IGNORECASE)
"""The words of REJECTED when nobody's mail is accepted."""

_OF_THE_MAIL = re.compile(r"\b(virus|invalid content|blacklisted|suppression list)\b", re.IGNORECASE)
"""The words of REJECTED when this mail or its recipient will never be accepted."""

REFUSED = frozenset({"BadRequestException", "InvalidParameterValue"})
"""This mail will never be accepted."""

DOWN = frozenset(
    {
        "AccessDeniedException",
        "AccountSuspendedException",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "LimitExceededException",
        "MailFromDomainNotVerifiedException",
        "OptInRequired",
        "RequestExpired",
        "SendingPausedException",
        "SignatureDoesNotMatch",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "UnrecognizedClientException",
    }
)
"""Nobody's mail is accepted now, whether SES, our account or our keys are the reason."""

NOT_SENT = (
    ConnectTimeoutError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
)
"""There was nobody to give the mail to; every other failure may have come after SES had it."""


class SesMailer:
    """See :class:`services.notifier.mailer.Mailer`. The client must not try again by itself."""

    def __init__(self, client: "SESV2Client", sender: str, timeout_seconds: float) -> None:
        self._client = client
        self._sender = sender
        self._timeout_seconds = timeout_seconds

    async def send(self, recipient: str, mail: Mail) -> str:
        """See the port."""
        if len(recipient) > RECIPIENT_LENGTH_MAX or not _RECIPIENT.fullmatch(recipient):
            raise MailRefused("the order has no usable address")
        span = _begin_span()
        with spanning(span):
            answer = await self._send(recipient, mail)
            if span is not None:
                span.set({AWS_REQUEST_ID: answer.get("ResponseMetadata", {}).get("RequestId", "")})
        message_id = answer.get("MessageId", "")
        if not message_id:
            raise MailUnconfirmed("answers with no id of a mail")
        return message_id

    async def _send(self, recipient: str, mail: Mail) -> "SendEmailResponseTypeDef":
        try:
            # botocore bounds connecting and reading, each for itself; the lease needs a bound of the whole.
            async with asyncio.timeout(self._timeout_seconds):
                return await self._client.send_email(
                    FromEmailAddress=self._sender,
                    Destination={"ToAddresses": [recipient]},
                    Content={
                        "Simple": {
                            "Subject": {"Data": mail.subject, "Charset": CHARSET},
                            "Body": {
                                "Html": {"Data": mail.html, "Charset": CHARSET},
                                "Text": {"Data": mail.text, "Charset": CHARSET},
                            },
                        }
                    },
                )
        except ClientError as error:
            raise _meaning_of(error) from error
        except ParamValidationError as error:
            raise MailRefused(without_addresses(str(error))) from error
        except (BotoCoreError, TimeoutError, OSError) as error:
            why = f"does not answer ({type(error).__name__})"
            raise (DependencyDown(Dependency.SES, why) if _was_not_sent(error) else MailUnconfirmed(why)) from error

    async def probe(self) -> None:
        """See the port: the sender, its domain or a domain above is an identity that may send."""
        for identity in identities_of(self._sender):
            if await self._may_send(identity):
                return
        raise DependencyDown(Dependency.SES, "the sender's identity is not verified")

    async def _may_send(self, identity: str) -> bool:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._client.get_email_identity(EmailIdentity=identity)
        except ClientError as error:
            if _code_of(error) == "NotFoundException":
                return False
            if _is_outage(error) and _code_of(error) != "AccessDeniedException":
                raise DependencyDown(Dependency.SES, _words_of(error)) from error
            return True  # we may not ask (keys that may send only, an emulator): sending will tell
        except (BotoCoreError, TimeoutError, OSError) as error:
            raise DependencyDown(Dependency.SES, f"does not answer ({type(error).__name__})") from error
        return answer["VerifiedForSendingStatus"] or answer.get("VerificationStatus") == "SUCCESS"


def identities_of(sender: str) -> list[str]:
    """What may be verified for ``sender``: its address, its domain, and each domain above."""
    address = parseaddr(sender)[1]
    labels = address.rpartition("@")[2].split(".")
    return [address, *(".".join(labels[i:]) for i in range(max(1, len(labels) - 1)))]


def _begin_span() -> Span | None:
    call = current_call()
    if call is None or call.span is None:
        return None
    return call.span.child(SPAN_NAME, Kind.CLIENT, {RPC_SYSTEM_NAME: "aws-api", RPC_METHOD: SPAN_NAME})


def _meaning_of(error: ClientError) -> MailRefused | DependencyDown:
    code, words = _code_of(error), _words_of(error)
    if code in DOWN or (code == REJECTED and _OF_THE_ACCOUNT.search(words)):
        return DependencyDown(Dependency.SES, words)
    if code in REFUSED or (code == REJECTED and _OF_THE_MAIL.search(words)):
        return MailRefused(words)
    if _is_outage(error):  # it broke, before or after it took the mail
        return MailUnconfirmed(words)
    return DependencyFailed(Dependency.SES, words)


def _was_not_sent(error: Exception) -> bool:
    if isinstance(error, EndpointConnectionError):
        # aiobotocore says so, too, of a connection that broke while it was used.
        return isinstance(error.kwargs.get("error"), (aiohttp.ClientConnectorError, socket.gaierror))
    return isinstance(error, NOT_SENT)


def _is_outage(error: ClientError) -> bool:
    return _code_of(error) in DOWN or error.response["ResponseMetadata"]["HTTPStatusCode"] >= SERVER_ERROR


def _code_of(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _words_of(error: ClientError) -> str:
    said = error.response["Error"]
    return without_addresses(f"{said['Code']}: {said.get('Message', '')}")
