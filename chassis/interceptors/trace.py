"""One span a call, the child of its caller's."""

import asyncio

from google.protobuf.message import Message

from chassis.call import current_call
from chassis.contract import Method
from chassis.interceptors.chain import Context, Layer, RpcCall
from chassis.interceptors.observe import code_of
from chassis.span_attributes import RPC_RESPONSE_STATUS_CODE, fault_of, of_rpc
from chassis.tracing import Kind, Tracer


def trace_calls(tracer: Tracer) -> Layer:
    """Make a span of each call. From here on the call's trace is known, also when the caller brought none."""

    def layer(method: Method, call: RpcCall) -> RpcCall:
        if not tracer.is_on:
            return call
        name, attributes = of_rpc(method.path)

        async def traced(request: bytes, context: Context) -> Message | None:
            current = current_call()
            assert current is not None, "the layer `begin` stands outside this one"
            span = tracer.begin(name, Kind.SERVER, current.traceparent, attributes)
            assert span is not None, "the tracer is on"
            current.span, current.traceparent = span, span.traceparent
            cancelled = False
            try:
                return await call(request, context)
            except asyncio.CancelledError:
                cancelled = True
                raise
            finally:
                code = code_of(context, cancelled=cancelled)
                span.set({RPC_RESPONSE_STATUS_CODE: code})
                span.end(fault_of(code))

        return traced

    return layer
