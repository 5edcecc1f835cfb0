"""From HTTP headers to the call that a service sees: its metadata and its deadline."""

import re
from collections.abc import Mapping
from time import monotonic

from chassis.call import DEADLINE_SECONDS_DEFAULT, Call
from chassis.idempotency import KEY_LENGTH_MAX, METADATA_KEY
from chassis.interceptors.begin import is_request_id, new_request_id
from chassis.tracing import TRACEPARENT_KEY, is_traceparent
from chassis.violations import Violations

DEADLINE_SECONDS_MAX = 60.0
"""The longest that a caller can have the gateway wait, whatever its ``Grpc-Timeout`` says."""

AUTHORIZATION_LENGTH_MAX = 5 * 1024
"""More than any token that services take (4 KiB), and with all other metadata less than the 8 KiB from
which on gRPC servers refuse calls."""

_INVALID = "Bearer ?"
"""What services are told of a token that is too long for them to see: it is refused like any invalid one."""

_TRACEPARENT = TRACEPARENT_KEY.encode()
_TIMEOUT = re.compile(r"([0-9]{1,8})([HMSmun])")
_UNIT_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH_MAX}}}")
_NOT_METADATA = re.compile(r"[^\x20-\x7e]")


def begin_request(headers: Mapping[bytes, bytes], client_address: str) -> Call:
    """The call that a request begins: its id, a new one when it has none that can be used, and its trace, if any."""
    request_id = headers.get(b"x-request-id", b"").decode("latin-1")
    traceparent = headers.get(_TRACEPARENT, b"").decode("latin-1")
    return Call(
        request_id if is_request_id(request_id) else new_request_id(),
        traceparent if is_traceparent(traceparent) else "",
        monotonic() + DEADLINE_SECONDS_DEFAULT,
        client_address=client_address,
    )


def authorization(headers: Mapping[bytes, bytes]) -> str:
    """The value of ``Authorization``, such that metadata can hold it; empty when there is none.

    What metadata cannot hold is no valid token either: the service says so.
    """
    value = headers.get(b"authorization", b"").decode("latin-1")
    if len(value) > AUTHORIZATION_LENGTH_MAX:
        return _INVALID
    return value if value.isascii() and value.isprintable() else _NOT_METADATA.sub("?", value)


def idempotency_key(headers: Mapping[bytes, bytes], found: Violations) -> str:
    """The value of ``Idempotency-Key``; empty when there is none."""
    key = headers.get(b"idempotency-key", b"").decode("latin-1")
    if key and not _KEY.fullmatch(key):
        found.add(METADATA_KEY, f"must be 1 to {KEY_LENGTH_MAX} visible ASCII characters")
    return key


def timeout_seconds(
    headers: Mapping[bytes, bytes],
    found: Violations,
    default_seconds: float = DEADLINE_SECONDS_DEFAULT,
    seconds_max: float = DEADLINE_SECONDS_MAX,
) -> float:
    """How long the caller waits: ``Grpc-Timeout`` in gRPC's format (``250m`` is 250 ms), else the default."""
    text = headers.get(b"grpc-timeout", b"").decode("latin-1")
    if not text:
        return default_seconds
    match = _TIMEOUT.fullmatch(text)
    if match is None:
        found.add("grpc-timeout", "must be up to 8 digits and a unit out of H, M, S, m, u and n")
        return default_seconds
    return min(int(match[1]) * _UNIT_SECONDS[match[2]], seconds_max)
