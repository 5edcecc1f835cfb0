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
    labels = ("unary", *_method_of(request.DESCRIPTOR))
    _STARTED.labels(*labels).inc()
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
        _SECONDS.labels(*labels).observe(perf_counter() - begun)
        _HANDLED.labels(*labels, code.name).inc()


@cache
def _method_of(request: Descriptor) -> tuple[str, str]:
    """The service and the method that such a request is for: no two that answer once have the same."""
    return next(
        (service.full_name, method.name)
        for service in request.file.services_by_name.values()
        for method in service.methods
        if method.input_type is request and not method.server_streaming
    )
