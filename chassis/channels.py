"""Channels to other services, and calls over them."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from chassis.call import DEADLINE_SECONDS_DEFAULT, current_call
from chassis.client_metrics import counting
from chassis.contract import is_idempotent, process_of
from chassis.errors import DeadlineExceeded
from chassis.interceptors.begin import REQUEST_ID_KEY, new_request_id
from chassis.renewed_channel import RenewedChannel
from chassis.tls import Tls
from chassis.traced_channel import TracedChannel
from chassis.tracing import TRACEPARENT_KEY, new_traceparent

MESSAGE_BYTES_MAX = 256 * 1024
"""What a request may be."""

ANSWER_BYTES_MAX = 4 * 1024 * 1024
"""What an answer may be: grpc's own default, which every client has. Lists end their pages before it."""

METADATA_BYTES_MAX = 64 * 1024

HOP_SECONDS = 0.05
"""What a caller keeps of its own deadline, to still answer when the callee does not."""

_NAMELESS = ("ipv4:", "ipv6:", "unix:")

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response")

_RETRY_POLICY = {
    "maxAttempts": 3,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_RETRY_BUDGET = {"maxTokens": 100, "tokenRatio": 0.1}
"""A failed call costs a token, a good one brings a tenth of one back; below half of them nothing is repeated.
So what was in flight in a replica that dies is repeated, and a service that is down gets no more than
50 calls and one in ten above what its callers ask for."""

RECONNECT_SECONDS_MAX = 0.5
"""A replica that is back is found again within this, and a fifth more. It says that it serves only after that
(see chassis.server), so whoever waits until one is ready before stopping the next leaves nobody without any."""

CONNECT_SECONDS_MAX = 2.0
"""A connection that takes longer than this to come about is given up."""

RESOLVE_SECONDS_MIN = 1.0
"""Names are not resolved more often than this; gRPC's own 30 s would hide new replicas while old ones go."""


class TokenSource(Protocol):
    """Gives the token that a process calls others with."""

    async def token(self) -> str:
        """A token that is valid now.

        :raises Unavailable: when there is none.
        """
        ...

    def refused(self, token: str) -> None:
        """Hear that ``token`` was refused, although it should be valid: do not give it again."""
        ...


@asynccontextmanager
async def open_channel(
    address: str, service: ServiceDescriptor, tls: Tls | None = None, *, retries: bool = False
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to ``service`` at ``address`` that spreads calls over its healthy replicas.

    With ``retries`` calls that failed with UNAVAILABLE are tried again, only where the contract says that
    repeating does no harm, and only while few calls fail (the retry budget). That is for the first caller in
    the mesh, the gateway: were every hop to try three times, a call would be made nine times in the third.
    Streams are not: whoever reads one takes it up where it broke, and hundreds that break when a replica goes
    would use up the budget of all other calls.

    With ``tls`` the process shows its certificate, and the other side's must name the host in ``address``. An
    address that has no name (``ipv4:`` and such) wants a certificate that names the process: ``orders``.
    """
    options = _options(service, retries=retries)
    if tls is None:
        channel = grpc.aio.insecure_channel(address, options=options)
    else:
        if address.startswith(_NAMELESS):
            options.append(("grpc.default_authority", process_of(service)))
        channel = RenewedChannel(tls, partial(grpc.aio.secure_channel, address, options=options))
    async with TracedChannel(channel) as traced:
        yield traced


async def call(
    rpc: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]",
    request: Request,
    *,
    authorization: str = "",
    metadata: Sequence[tuple[str, str]] = (),
    timeout_seconds: float = DEADLINE_SECONDS_DEFAULT,
    wait_for_ready: bool = False,
) -> Response:
    """Call another service, with the current call's request id and trace, within its deadline.

    With ``wait_for_ready`` it waits for a healthy replica while there is none, and does not fail at once.

    :raises grpc.aio.AioRpcError: what the other service answered, when it is not a response.
    :raises DeadlineExceeded: when the current call has no time left.
    """
    current = current_call()
    headers = [*metadata]
    if current is None:
        headers += [(REQUEST_ID_KEY, new_request_id()), (TRACEPARENT_KEY, new_traceparent(sampled=False))]
    else:
        headers.append((REQUEST_ID_KEY, current.request_id))
        if current.traceparent:
            headers.append((TRACEPARENT_KEY, current.traceparent))
        timeout_seconds = min(timeout_seconds, current.remaining_seconds() - HOP_SECONDS)
        if timeout_seconds <= 0:
            raise DeadlineExceeded("no time is left to ask another service")
    if authorization:
        headers.append(("authorization", f"Bearer {authorization}"))
    with counting(request):
        return await rpc(
            request, timeout=timeout_seconds, metadata=tuple(headers), wait_for_ready=wait_for_ready or None
        )


async def call_as(
    tokens: TokenSource, rpc: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]", request: Request
) -> Response:
    """Like :func:`call`, as this process itself.

    A token that is refused (auth has other keys now) is not used again: the call is made once more with a
    new one. A refused call did nothing, so that is safe for every method.

    :raises Unavailable: when there is no token to call with.
    """
    token = await tokens.token()
    try:
        return await call(rpc, request, authorization=token)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
            raise
    tokens.refused(token)
    return await call(rpc, request, authorization=await tokens.token())


def _options(service: ServiceDescriptor, *, retries: bool) -> list[tuple[str, Any]]:
    retried = [
        {"service": service.full_name, "method": m.name}
        for m in service.methods
        if retries and is_idempotent(m) and not m.server_streaming
    ]
    service_config: dict[str, Any] = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": service.full_name},
        "retryThrottling": _RETRY_BUDGET,
    }
    if retried:
        service_config["methodConfig"] = [{"name": retried, "retryPolicy": _RETRY_POLICY}]
    return [
        ("grpc.service_config", json.dumps(service_config)),
        ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
        ("grpc.max_metadata_size", METADATA_BYTES_MAX),
        ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", _milliseconds(CONNECT_SECONDS_MAX)),  # its name misleads
        ("grpc.max_reconnect_backoff_ms", _milliseconds(RECONNECT_SECONDS_MAX)),
        ("grpc.dns_min_time_between_resolutions_ms", _milliseconds(RESOLVE_SECONDS_MIN)),
        ("grpc.enable_retries", 1),
    ]


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
