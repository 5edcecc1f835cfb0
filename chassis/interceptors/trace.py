"""One span a call, the child of its caller's."""

from google.protobuf.message import Message

from chassis.call import this_call
from chassis.contract import Method
from chassis.interceptors.chain import Context, Layer, RpcCall
from chassis.span_attributes import RPC_RESPONSE_STATUS_CODE, fault_of, of_rpc
from chassis.tracing import Kind, Tracer


def trace_calls(tracer: Tracer) -> Layer:
    """Make a span of each call. From here on the call's trace is known, also when the caller brought none."""

    def layer(method: Method, call: RpcCall) -> RpcCall:
        if not tracer.is_on:
            return call
        name, attributes = of_rpc(method.path)

        async def traced(request: bytes, context: Context) -> Message | None:
            current = this_call()
            span = tracer.begin(name, Kind.SERVER, current.traceparent, attributes)
            assert span is not None, "the tracer is on"
            current.span, current.traceparent = span, span.traceparent
            try:
                return await call(request, context)
            finally:
                span.set({RPC_RESPONSE_STATUS_CODE: current.code})
                span.end(fault_of(current.code))

        return traced

    return layer
