"""Random messages of any kind, for tests of properties."""

import math
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from gateway.protojson.timestamps import SECONDS_MAX, SECONDS_MIN
from ordermesh.types.v1 import money_pb2

FIELDS_MAX = 8
ITEMS_MAX = 3
DEPTH_MAX = 3
FLOAT_MAX = 3.4028234663852886e38

_NANOS = st.sampled_from([0, 1, 1_000, 999_000, 1_000_000, 123_000_000, 999_999_999]) | st.integers(0, 999_999_999)
_DURATION_SECONDS_MAX = 315_576_000_000
_NAMES = st.from_regex(r"[a-z]{1,4}(_[a-z]{1,4}){0,2}(\.[a-z]{1,4}){0,1}", fullmatch=True)
_DOUBLES = st.floats(allow_nan=True) | st.sampled_from([-0.0, 1e16, 1e22, 5e-324, 1.7976931348623157e308])
_FLOATS = st.floats(width=32).filter(lambda value: not math.isfinite(value) or abs(value) < FLOAT_MAX)
"""Of 32 bits. json_format writes the largest one as a text that it cannot read again."""

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=6,
)


def _integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.sampled_from([least, most, max(least, -1), 0, 1]) | st.integers(least, most)


def _kinds(names: str) -> list[int]:
    return [getattr(FieldDescriptor, f"TYPE_{name.upper()}") for name in names.split()]


_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    **dict.fromkeys(_kinds("int32 sint32 sfixed32"), _integers(32, signed=True)),
    **dict.fromkeys(_kinds("int64 sint64 sfixed64"), _integers(64, signed=True)),
    **dict.fromkeys(_kinds("uint32 fixed32"), _integers(32, signed=False)),
    **dict.fromkeys(_kinds("uint64 fixed64"), _integers(64, signed=False)),
    FieldDescriptor.TYPE_DOUBLE: _DOUBLES,
    FieldDescriptor.TYPE_FLOAT: _FLOATS,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_STRING: st.text(max_size=6),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=6),
}


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, depth: int = 0) -> Any:
    """A message with some of its fields set, of which some to their default."""
    special = _WELL_KNOWN.get(descriptor.full_name)
    if special is not None:
        return draw(special(descriptor))
    message: Any = GetMessageClass(descriptor)()
    fields = [field for field in descriptor.fields if depth < DEPTH_MAX or field.message_type is None]
    if not fields:
        return message
    for field in draw(st.lists(st.sampled_from(fields), max_size=FIELDS_MAX, unique_by=lambda field: field.name)):
        _put(draw, message, field, depth)
    return message


def _put(draw: st.DrawFn, message: Any, field: FieldDescriptor, depth: int) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
        values = getattr(message, field.name)
        for name in draw(st.lists(_SCALARS[key.type], max_size=ITEMS_MAX)):
            if value.message_type is not None:
                values[name].CopyFrom(draw(_one(value, depth)))
            else:
                values[name] = draw(_one(value, depth))
    elif field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(_one(field, depth), max_size=ITEMS_MAX)))
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(draw(_one(field, depth)))
        getattr(message, field.name).SetInParent()
    else:
        setattr(message, field.name, draw(_one(field, depth)))


def _one(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return messages(field.message_type, depth + 1)
    if field.enum_type is None:
        return _SCALARS[field.type]
    known = st.sampled_from([value.number for value in field.enum_type.values])
    return known if field.enum_type.is_closed else known | _integers(32, signed=True)


def _timestamps(descriptor: Descriptor) -> st.SearchStrategy[Any]:
    seconds = st.sampled_from([SECONDS_MIN, SECONDS_MAX, -1, 0]) | st.integers(SECONDS_MIN, SECONDS_MAX)
    return st.builds(GetMessageClass(descriptor), seconds=seconds, nanos=_NANOS)


def _durations(descriptor: Descriptor) -> st.SearchStrategy[Any]:
    message_class: Any = GetMessageClass(descriptor)
    return st.builds(
        lambda sign, seconds, nanos: message_class(seconds=sign * seconds, nanos=sign * nanos),
        st.sampled_from([1, -1]),
        st.integers(0, _DURATION_SECONDS_MAX - 1),
        _NANOS,
    )


def _from_json(form: st.SearchStrategy[Any]) -> Any:
    """Struct and its like, by their own methods."""

    def strategy(descriptor: Descriptor) -> st.SearchStrategy[Any]:
        return form.map(lambda value: _with_json(GetMessageClass(descriptor)(), value))

    return strategy


def _with_json(message: Any, value: Any) -> Any:
    if message.DESCRIPTOR.name == "Struct":
        message.update(value)
    elif message.DESCRIPTOR.name == "ListValue":
        message.extend(value)
    elif value is None:
        message.null_value = 0
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, float):
        message.number_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, list):
        message.list_value.SetInParent()
        message.list_value.extend(value)
    else:
        message.struct_value.SetInParent()
        message.struct_value.update(value)
    return message


def _masks(descriptor: Descriptor) -> st.SearchStrategy[Any]:
    return st.builds(GetMessageClass(descriptor), paths=st.lists(_NAMES, max_size=ITEMS_MAX))


def _anys(descriptor: Descriptor) -> st.SearchStrategy[Any]:
    inside: Any = messages(money_pb2.Money.DESCRIPTOR)

    def packed(message: Any) -> Any:
        any_message: Any = GetMessageClass(descriptor)()
        any_message.Pack(message)
        return any_message

    anys: st.SearchStrategy[Any] = inside.map(packed)
    return anys


_WELL_KNOWN = {
    "google.protobuf.Timestamp": _timestamps,
    "google.protobuf.Duration": _durations,
    "google.protobuf.FieldMask": _masks,
    "google.protobuf.Any": _anys,
    "google.protobuf.Value": _from_json(JSON),
    "google.protobuf.Struct": _from_json(st.dictionaries(st.text(max_size=5), JSON, max_size=3)),
    "google.protobuf.ListValue": _from_json(st.lists(JSON, max_size=3)),
}
