"""What the service answers: random messages, and errors."""

import random
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from chassis.errors import DOMAIN
from gateway.problems import STATUS_BY_REASON
from tests.transcoding.cases import Case, with_json

F = FieldDescriptor

NESTING_MAX = 4

_INT32 = (0, 1, -1, 2**31 - 1, -(2**31))
_INT64 = (0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63))
_UINT32 = (0, 1, 2**32 - 1)
_UINT64 = (0, 1, 2**53 + 1, 2**64 - 1)
_REAL = (0.0, -0.0, 1.5, -2.25, 1e20, 1e-7, float("inf"), float("-inf"), float("nan"))

_VALUES: dict[int, tuple[Any, ...]] = {
    F.TYPE_INT32: _INT32,
    F.TYPE_SINT32: _INT32,
    F.TYPE_SFIXED32: _INT32,
    F.TYPE_INT64: _INT64,
    F.TYPE_SINT64: _INT64,
    F.TYPE_SFIXED64: _INT64,
    F.TYPE_UINT32: _UINT32,
    F.TYPE_FIXED32: _UINT32,
    F.TYPE_UINT64: _UINT64,
    F.TYPE_FIXED64: _UINT64,
    F.TYPE_FLOAT: (*_REAL, 0.1, 3.4e38, 16777216.0),
    F.TYPE_DOUBLE: (*_REAL, 0.1, 123456789.125, 1.7976931348623157e308, 5e-324, 123456789012345678.0),
    F.TYPE_BOOL: (True, False),
    F.TYPE_STRING: (
        "",
        "a",
        "\u00e4\u20ac\U0001f600",
        'quo"te \\ / \n\t\x00\x7f',
        "<b>&amp;</b>",
        "\u2028",
        "x" * 3_000,
    ),
    F.TYPE_BYTES: (b"", b"\x00", b"\xff\xef\xfe", b"abcd", b"\x00\x01\x02\x03\x04"),
}

_NANOS = (0, 1, 1_000, 1_000_000, 500_000_000, 999_999_999)
_SECONDS = (-62_135_596_800, -1, 0, 1, 1_782_907_200, 253_402_300_799)


def random_message(descriptor: Descriptor, dice: random.Random, depth: int = 0) -> Any:
    """A message with some of its fields set."""
    message: Any = GetMessageClass(descriptor)()
    if descriptor.full_name == "google.protobuf.Timestamp":
        message.seconds, message.nanos = dice.choice(_SECONDS), dice.choice(_NANOS)
        return message
    if descriptor.full_name == "google.protobuf.Duration":
        sign = dice.choice((1, -1))
        message.seconds, message.nanos = sign * dice.choice((0, 1, 90, 315_576_000_000 - 1)), sign * dice.choice(_NANOS)
        return message
    if descriptor.full_name == "google.protobuf.FieldMask":
        message.paths.extend(dice.sample(["record_id", "author.full_name", "tags"], dice.randrange(4)))
        return message
    if descriptor.full_name in {"google.protobuf.Value", "google.protobuf.Struct", "google.protobuf.ListValue"}:
        return _loose(message, dice)
    for field in descriptor.fields:
        if dice.random() < 0.6 and (depth < NESTING_MAX or field.message_type is None):
            _set(message, field, dice, depth)
    return message


def _set(message: Any, field: FieldDescriptor, dice: random.Random, depth: int) -> None:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key, value = entry.fields
        for _ in range(dice.randrange(3)):
            name = dice.choice(_VALUES[key.type])
            if value.message_type is None:
                getattr(message, field.name)[name] = _value(value, dice)
            else:
                getattr(message, field.name)[name].CopyFrom(random_message(value.message_type, dice, depth + 1))
    elif field.is_repeated:
        items = [_one(field, dice, depth) for _ in range(dice.randrange(4))]
        getattr(message, field.name).extend(items)
    elif field.message_type is None:
        setattr(message, field.name, _value(field, dice))
    else:
        getattr(message, field.name).CopyFrom(random_message(field.message_type, dice, depth + 1))


def _one(field: FieldDescriptor, dice: random.Random, depth: int) -> Any:
    if field.message_type is None:
        return _value(field, dice)
    return random_message(field.message_type, dice, depth + 1)


def _value(field: FieldDescriptor, dice: random.Random) -> Any:
    if field.enum_type is not None:
        return dice.choice([*(value.number for value in field.enum_type.values), 99])
    return dice.choice(_VALUES[field.type])


def _loose(message: Any, dice: random.Random) -> Any:
    """A Struct, a Value or a ListValue."""
    kind = message.DESCRIPTOR.name
    items = {"a": 1, "b": "x", "c": None, "d": [True, {"e": 1.5}], "f": {}}
    if kind == "Struct":
        message.update(items)
    elif kind == "ListValue":
        message.extend(items.values())
    elif dice.random() < 0.5:
        message.number_value = 2.5
    else:
        message.struct_value.update(items)
    return message


def errors() -> Iterator[Case]:
    """Each gRPC code as a service may answer it: alone, with a reason, with all details that we know."""
    violation = error_details_pb2.BadRequest.FieldViolation(field="items[0].unit_price", description="must be more")
    bad = error_details_pb2.BadRequest(field_violations=[violation])
    later = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))
    info = error_details_pb2.ErrorInfo(reason="SOME_REASON", domain=DOMAIN, metadata={"LAMP": "2"})
    for code in grpc.StatusCode:
        if code is not grpc.StatusCode.OK:
            for details in ((), (info,), (info, bad), (info, later)):
                yield _error(code, *details)
    for reason in STATUS_BY_REASON:
        info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN)
        yield _error(grpc.StatusCode.FAILED_PRECONDITION, info)


def _error(code: grpc.StatusCode, *details: Any) -> Case:
    status = status_pb2.Status(code=code.value[0], message=f"because \u00e4 of {code.name}")
    for detail in details:
        status.details.add().Pack(detail)
    return with_json("error", "POST", "/api/orders", "{}", answer=status)


def abortion(status: status_pb2.Status) -> Any:
    """A handler that ends its call with this status."""

    async def handle(_: Any, context: Any) -> None:
        if status.details:
            await context.abort_with_status(rpc_status.to_status(status))
        codes = {code.value[0]: code for code in grpc.StatusCode}
        await context.abort(codes[status.code], status.message)

    return handle
