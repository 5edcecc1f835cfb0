"""OpenTelemetry's names for what spans say, and which answers are faults.

They are the semantic conventions' own (https://opentelemetry.io/docs/specs/semconv/, 1.44), written down here because
the package that has them is imported only where spans are exported. Values are ours, or ids: never what a client
sent, for that may be a secret or somebody's address.
"""

from collections.abc import Mapping

import grpc

ERROR_TYPE = "error.type"

HTTP_REQUEST_METHOD = "http.request.method"
HTTP_RESPONSE_STATUS_CODE = "http.response.status_code"
HTTP_ROUTE = "http.route"

RPC_METHOD = "rpc.method"
RPC_RESPONSE_STATUS_CODE = "rpc.response.status_code"
RPC_SYSTEM_NAME = "rpc.system.name"

MESSAGING_DESTINATION_NAME = "messaging.destination.name"
MESSAGING_MESSAGE_ID = "messaging.message.id"
MESSAGING_OPERATION_NAME = "messaging.operation.name"
MESSAGING_OPERATION_TYPE = "messaging.operation.type"
MESSAGING_SYSTEM = "messaging.system"

AWS_REQUEST_ID = "aws.request_id"

SERVICE_INSTANCE_ID = "service.instance.id"
SERVICE_NAME = "service.name"
SERVICE_NAMESPACE = "service.namespace"
SERVICE_VERSION = "service.version"

_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN.name,
        grpc.StatusCode.DEADLINE_EXCEEDED.name,
        grpc.StatusCode.UNIMPLEMENTED.name,
        grpc.StatusCode.INTERNAL.name,
        grpc.StatusCode.UNAVAILABLE.name,
        grpc.StatusCode.DATA_LOSS.name,
    }
)


def fault_of(code: str) -> str:
    """The gRPC code's name when the service is at fault, else the empty text: a refusal is an answer.

    The conventions' table for servers. It is applied to callers too, where they count every code but OK: an order that
    is out of stock, or somebody who stops watching, would look like a failure of the mesh.
    """
    return code if code in _FAULTS else ""


def of_rpc(path: str) -> tuple[str, Mapping[str, str]]:
    """The name of an RPC's span and what it says, from the method's path ``/package.Service/Method``."""
    method = path.removeprefix("/")
    return method, {RPC_SYSTEM_NAME: "grpc", RPC_METHOD: method}


def of_queue(queue_url: str, operation: str) -> tuple[str, Mapping[str, str]]:
    """The name of a message's span, ``send`` or ``process`` and the queue's name, and what it says."""
    queue = queue_url.rpartition("/")[2]
    return f"{operation} {queue}", {
        MESSAGING_SYSTEM: "aws_sqs",
        MESSAGING_DESTINATION_NAME: queue,
        MESSAGING_OPERATION_NAME: operation,
        MESSAGING_OPERATION_TYPE: operation,
    }
