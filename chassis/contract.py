"""What the contract declares about a method, read from its descriptor."""

from collections.abc import Container, Iterable
from dataclasses import dataclass

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from ordermesh.options.v1 import options_pb2

Level = options_pb2.Access.Level


class ContractError(Exception):
    """The contract lacks something that every method must declare."""


@dataclass(frozen=True, slots=True)
class Method:
    """One rpc: its names, and who may call it."""

    service: str
    name: str
    level: options_pb2.Access.Level.ValueType
    services: frozenset[str]
    streams: bool = False
    """Whether it answers with many messages."""

    ticket_field: str = ""
    """The field of the request that a ticket must have been made for; empty when no ticket opens the method."""

    @property
    def path(self) -> str:
        """The name on the wire: ``/package.Service/Method``."""
        return f"/{self.service}/{self.name}"


def methods_of(services: Iterable[ServiceDescriptor]) -> dict[str, Method]:
    """Every method of ``services`` by its path.

    :raises ContractError: when one does not declare who may call it, or takes a stream.
    """
    methods = (_method(descriptor) for service in services for descriptor in service.methods)
    return {method.path: method for method in methods}


def process_of(service: ServiceDescriptor) -> str:
    """What the mesh calls the process that serves ``service``: orders for ordermesh.orders.v1.OrderService."""
    return service.file.package.split(".")[1]


def is_idempotent(method: MethodDescriptor) -> bool:
    """Whether the contract says that repeating a call does no harm."""
    return method.GetOptions().idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN


def _method(descriptor: MethodDescriptor) -> Method:
    access = descriptor.GetOptions().Extensions[options_pb2.access]
    if access.level == Level.LEVEL_UNSPECIFIED:
        raise ContractError(f"{descriptor.full_name} does not declare (ordermesh.options.v1.access)")
    if (access.level == Level.SERVICE) != bool(access.services):
        raise ContractError(f"{descriptor.full_name}: level SERVICE goes with a list of services, and only it")
    if access.ticket_field and (access.level != Level.USER or access.ticket_field not in _fields(descriptor)):
        raise ContractError(f"{descriptor.full_name}: ticket_field is a field of the request, with level USER")
    if descriptor.client_streaming:
        raise ContractError(f"{descriptor.full_name}: streams of requests are not supported")
    return Method(
        service=descriptor.containing_service.full_name,
        name=descriptor.name,
        level=access.level,
        services=frozenset(access.services),
        streams=descriptor.server_streaming,
        ticket_field=access.ticket_field,
    )


def _fields(method: MethodDescriptor) -> Container[str]:
    return method.input_type.fields_by_name
