"""Contracts that ours does not have, made at run time: descriptors with ``google.api.http`` rules."""

from typing import Any

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, timestamp_pb2
from google.protobuf.descriptor import ServiceDescriptor

from ordermesh.options.v1 import options_pb2

PACKAGE = "library.v1"

Field = descriptor_pb2.FieldDescriptorProto


def _field(name: str, number: int, kind: Any, *, repeated: bool = False, message: str = "") -> Any:
    label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
    return Field(name=name, number=number, type=kind, label=label, type_name=message or None)


def _messages(package: str) -> list[Any]:
    author = descriptor_pb2.DescriptorProto(name="Author")
    author.field.extend([_field("full_name", 1, Field.TYPE_STRING), _field("birth_year", 2, Field.TYPE_INT32)])
    book = descriptor_pb2.DescriptorProto(name="Book")
    kind = book.enum_type.add(name="Kind")
    kind.value.add(name="NOVEL", number=0)
    kind.value.add(name="POEMS", number=1)
    book.field.extend(
        [
            _field("book_id", 1, Field.TYPE_STRING),
            _field("author", 2, Field.TYPE_MESSAGE, message=f".{package}.Author"),
            _field("tags", 3, Field.TYPE_STRING, repeated=True),
            _field("copies", 4, Field.TYPE_INT64),
            _field("lent", 5, Field.TYPE_BOOL),
            _field("kind", 6, Field.TYPE_ENUM, message=f".{package}.Book.Kind"),
            _field("print_time", 7, Field.TYPE_MESSAGE, message=".google.protobuf.Timestamp"),
            _field("weight", 8, Field.TYPE_DOUBLE),
            _field("cover", 9, Field.TYPE_BYTES),
            _field("isbn", 10, Field.TYPE_STRING),
            _field("shelf", 11, Field.TYPE_STRING),
            _field("co_authors", 12, Field.TYPE_MESSAGE, repeated=True, message=f".{package}.Author"),
            _field("page", 13, Field.TYPE_UINT32),
        ]
    )
    book.oneof_decl.add(name="place")
    for field in book.field:
        if field.name in {"isbn", "shelf"}:
            field.oneof_index = 0
    return [author, book]


def library(**http: Any) -> ServiceDescriptor:
    """A service whose one method, ``Find``, takes a Book, returns a Book, and has the http rule given.

    ``server_streaming``, ``created`` (a Location template), ``package`` and ``resume`` (two fields) may be given too.
    """
    package, resume = http.pop("package", PACKAGE), http.pop("resume", ())
    server_streaming, created = http.pop("server_streaming", False), http.pop("created", "")
    file = descriptor_pb2.FileDescriptorProto(name="library.proto", package=package, syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    file.message_type.extend(_messages(package))
    method = file.service.add(name="Library").method.add(
        name="Find",
        input_type=f".{package}.Book",
        output_type=f".{package}.Book",
        server_streaming=server_streaming,
    )
    method.options.Extensions[annotations_pb2.http].CopyFrom(_rule(http))
    method.options.Extensions[options_pb2.access].level = options_pb2.Access.PUBLIC
    method.options.Extensions[options_pb2.created].location = created
    if resume:
        position, after = resume
        method.options.Extensions[options_pb2.resume].CopyFrom(options_pb2.Resume(position=position, after=after))
    pool = descriptor_pool.DescriptorPool()
    timestamp = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(timestamp)
    pool.Add(timestamp)
    pool.Add(file)
    return pool.FindServiceByName(f"{package}.Library")


def _rule(http: dict[str, Any]) -> Any:
    additional = [_rule(binding) for binding in http.pop("additional", ())]
    return http_pb2.HttpRule(**http, additional_bindings=additional)
