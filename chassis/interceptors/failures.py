"""Turns what a call raises into the status that its caller sees."""

import asyncio
import logging

import grpc
from google.protobuf.message import Message

from chassis.contract import Method
from chassis.errors import DeadlineExceeded, DomainError, Unavailable, internal_status, to_status
from chassis.interceptors.chain import Context, Layer, RpcCall
from chassis.mongo import MONGO_DOWN

_log = logging.getLogger(__name__)


def map_errors() -> Layer:
    """Answer domain errors with their rich status, and unknown exceptions with a plain INTERNAL.

    Bare grpc.aio would send an unknown exception's text to the caller.
    """

    def layer(method: Method, call: RpcCall) -> RpcCall:
        async def mapped(request: bytes, context: Context) -> Message | None:
            try:
                return await call(request, context)
            except DomainError as error:
                status = to_status(error)
            except TimeoutError:
                status = to_status(DeadlineExceeded("the call took too long"))
            except MONGO_DOWN as error:
                _log.warning("%s: the database does not answer: %s", method.path, type(error).__name__)
                status = to_status(Unavailable("the database does not answer"))
            except (asyncio.CancelledError, grpc.aio.AbortError):
                raise
            except Exception:
                _log.exception("%s failed", method.path)
                status = internal_status()
            await context.abort_with_status(status)
            raise AssertionError("abort_with_status returned")

        return mapped

    return layer
