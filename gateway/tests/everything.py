"""A message of everything that protobuf has: each kind of scalar, in each place, and the well-known types."""

from typing import Any

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "everything.v1"

Field = descriptor_pb2.FieldDescriptorProto

SCALARS = [
    *("double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "bytes", "uint32"),
    *("sfixed32", "sfixed64", "sint32", "sint64"),
]
KEYS = [name for name in SCALARS if name not in {"double", "float", "bytes"}]
WELL_KNOWN = [
    *("Timestamp", "Duration", "FieldMask", "Struct", "Value", "ListValue", "Any", "BoolValue", "BytesValue"),
    *("DoubleValue", "FloatValue", "Int32Value", "Int64Value", "StringValue", "UInt32Value", "UInt64Value"),
]
FILES = (any_pb2, duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)


class _Message:
    """Gives fields their numbers."""

    def __init__(self, name: str) -> None:
        self.proto = descriptor_pb2.DescriptorProto(name=name)

    def add(self, name: str, kind: str, *, repeated: bool = False, optional: bool = False, oneof: int = -1) -> None:
        """``kind`` is a scalar's name, or the full name of a message or (before ``#enum``) of an enum."""
        field = self.proto.field.add(name=name, number=len(self.proto.field) + 1)
        field.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
        if kind in SCALARS:
            field.type = Field.Type.Value(f"TYPE_{kind.upper()}")
        else:
            full_name, _, is_enum = kind.partition("#")
            field.type, field.type_name = Field.TYPE_ENUM if is_enum else Field.TYPE_MESSAGE, full_name
        if optional:
            field.proto3_optional = True
            field.oneof_index = len(self.proto.oneof_decl)
            self.proto.oneof_decl.add(name=f"_{name}")
        elif oneof >= 0:
            field.oneof_index = oneof

    def add_map(self, name: str, key: str, value: str) -> None:
        """A map, which is a list of messages of its own."""
        entry = _Message("".join(part.capitalize() for part in name.split("_")) + "Entry")
        entry.add("key", key)
        entry.add("value", value)
        entry.proto.options.map_entry = True
        self.proto.nested_type.append(entry.proto)
        self.add(name, f".{PACKAGE}.Everything.{entry.proto.name}", repeated=True)


def _everything() -> Any:
    self_name, color = f".{PACKAGE}.Everything", f".{PACKAGE}.Color#enum"
    kinds = {name: name for name in SCALARS} | {"color": color, "child": self_name, "closed": f".{PACKAGE}.Closed#enum"}
    kinds |= {f"a_{name.lower()}": f".google.protobuf.{name}" for name in WELL_KNOWN}
    message = _Message("Everything")
    message.proto.oneof_decl.add(name="choice")
    for name, kind in kinds.items():
        message.add(f"one_{name}", kind)
        message.add(f"many_{name}", kind, repeated=True)
        message.add_map(f"map_to_{name}", "string", kind)
        message.add(f"choice_{name}", kind, oneof=0)
    message.add("one_null", ".google.protobuf.NullValue#enum")
    for name in [*SCALARS, "color"]:
        message.add(f"optional_{name}", kinds[name], optional=True)
    for key in KEYS:
        message.add_map(f"map_by_{key}", key, "int32")
    message.add("strange__Name_1", "string")
    message.add("renamed", "string")
    message.proto.field[-1].json_name = "some: other \u00e4"
    return message.proto


def _file() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="everything.proto", package=PACKAGE, syntax="proto3")
    file.dependency.extend([module.DESCRIPTOR.name for module in FILES])
    file.dependency.append("everything_closed.proto")
    color = file.enum_type.add(name="Color")
    color.options.allow_alias = True
    for name, number in (("RED", 0), ("CRIMSON", 0), ("GREEN", 1), ("COLD", -7), ("LARGEST", 2**31 - 1)):
        color.value.add(name=name, number=number)
    file.message_type.append(_everything())
    return file


def _closed() -> Any:
    """An enum of proto2, which has the numbers that it names and no others."""
    file = descriptor_pb2.FileDescriptorProto(name="everything_closed.proto", package=PACKAGE, syntax="proto2")
    closed = file.enum_type.add(name="Closed")
    for name, number in (("FIRST", 0), ("SECOND", 5)):
        closed.value.add(name=name, number=number)
    return file


def _made() -> Any:
    pool = descriptor_pool.Default()  # where json_format looks for what is in an Any
    pool.AddSerializedFile(_closed().SerializeToString())
    pool.AddSerializedFile(_file().SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Everything"))


Everything: Any = _made()
