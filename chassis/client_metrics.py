"""The RED metrics of calls to other services, as the caller saw them. They have go-grpc-prometheus' names."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter

import grpc
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from prometheus_client import Counter, Histogram

_LABELS = ("grpc_type", "grpc_service", "grpc_method")
_STARTED = Counter("grpc_client_started_total", "Calls to other services begun.", _LABELS)
_HANDLED = Counter(
    "grpc_client_handled_total", "Calls to other services that are over, by code.", (*_LABELS, "grpc_code")
)
_SECONDS = Histogram("grpc_client_handling_seconds", "How long calls to other services took, in seconds.", _LABELS)


@contextmanager
def counting(request: Message) -> Iterator[None]:
    """Count and time the call that the block makes with ``request``."""
    labels, started, seconds = _series(request.DESCRIPTOR)
    started.inc()
    begun = perf_counter()
    code = grpc.StatusCode.UNKNOWN
    try:
        yield
        code = grpc.StatusCode.OK
    except grpc.aio.AioRpcError as error:
        code = error.code()
        raise
    except asyncio.CancelledError:
        code = grpc.StatusCode.CANCELLED
        raise
    finally:
        seconds.observe(perf_counter() - begun)
        _HANDLED.labels(*labels, code.name).inc()


@cache
def _series(request: Descriptor) -> tuple[tuple[str, ...], Counter, Histogram]:
    """The labels and series of calls with such a request: no two methods that answer once have the same one."""
    service, method = next(
        (service.full_name, method.name)
        for service in request.file.services_by_name.values()
        for method in service.methods
        if method.input_type is request and not method.server_streaming
    )
    labels = ("unary", service, method)
    return labels, _STARTED.labels(*labels), _SECONDS.labels(*labels)
