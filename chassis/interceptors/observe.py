"""One log line and the RED metrics of each call. The metrics have go-grpc-prometheus' names."""

import asyncio
import logging
from time import perf_counter

import grpc
from google.protobuf.message import Message
from prometheus_client import Counter, Histogram

from chassis.call import this_call
from chassis.contract import Method
from chassis.interceptors.chain import Context, Layer, RpcCall

_log = logging.getLogger("ordermesh.rpc")

_LABELS = ("grpc_type", "grpc_service", "grpc_method")
_STARTED = Counter("grpc_server_started_total", "Calls begun.", _LABELS)
_HANDLED = Counter("grpc_server_handled_total", "Calls answered, by code.", (*_LABELS, "grpc_code"))
_SECONDS = Histogram("grpc_server_handling_seconds", "How long calls took, in seconds.", _LABELS)

_CODE_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def log_calls() -> Layer:
    """Write one line a call, with the code that the caller saw."""

    def layer(method: Method, call: RpcCall) -> RpcCall:
        async def logged(request: bytes, context: Context) -> Message | None:
            begun = perf_counter()
            try:
                return await call(request, context)
            finally:
                if _log.isEnabledFor(logging.INFO):
                    _log.info("rpc", extra={"fields": _fields(method, begun)})

        return logged

    return layer


def count_calls() -> Layer:
    """Count and time each call."""

    def layer(method: Method, call: RpcCall) -> RpcCall:
        labels = ("server_stream" if method.streams else "unary", method.service, method.name)
        started, seconds = _STARTED.labels(*labels), _SECONDS.labels(*labels)

        async def counted(request: bytes, context: Context) -> Message | None:
            started.inc()
            begun = perf_counter()
            try:
                return await call(request, context)
            finally:
                seconds.observe(perf_counter() - begun)
                _HANDLED.labels(*labels, this_call().code).inc()

        return counted

    return layer


def know_code() -> Layer:
    """Keep in the call how it ended: the code that its caller sees."""

    def layer(method: Method, call: RpcCall) -> RpcCall:
        async def known(request: bytes, context: Context) -> Message | None:
            current = this_call()
            try:
                return await call(request, context)
            except asyncio.CancelledError:
                current.code = grpc.StatusCode.CANCELLED.name
                raise
            finally:
                current.code = current.code or _code_of(context)

        return known

    return layer


def _code_of(context: Context) -> str:
    code = context.code()
    number = code.value[0] if isinstance(code, grpc.StatusCode) else int(code or 0)
    return _CODE_NAMES.get(number, grpc.StatusCode.UNKNOWN.name)


def _fields(method: Method, begun: float) -> dict[str, object]:
    call = this_call()
    fields: dict[str, object] = {
        "method": method.path,
        "code": call.code,
        "ms": round((perf_counter() - begun) * 1000, 2),
        "client": call.client_address,
    }
    if call.identity is not None:
        fields["caller"] = f"{call.identity.kind}:{call.identity.subject}"
    return fields
