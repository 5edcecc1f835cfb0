"""Our ProtoJSON against ``json_format``: the same of every message, and nothing taken that it does not take.

More of them::

    pytest gateway/tests/test_protojson_properties.py --hypothesis-profile=long
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import event, given
from hypothesis import strategies as st

from chassis.errors import InvalidArgument
from gateway import codec
from gateway.tests.contracts import library
from gateway.tests.everything import Everything
from gateway.tests.messages import JSON, messages
from gateway.violations import BoundedViolations
from ordermesh.auth.v1 import auth_service_pb2
from ordermesh.inventory.v1 import inventory_service_pb2
from ordermesh.notifier.v1 import notifier_service_pb2
from ordermesh.orders.v1 import order_service_pb2
from ordermesh.types.v1 import money_pb2

CONTRACT = (auth_service_pb2, inventory_service_pb2, notifier_service_pb2, order_service_pb2, money_pb2)
OF_THE_CONTRACT = [
    kind for module in CONTRACT for kind in module.DESCRIPTOR.message_types_by_name.values() if kind.fields
]
WELL_KNOWN = [field.message_type for field in Everything.DESCRIPTOR.fields if field.name.startswith("one_a_")]
KINDS = {
    "contract": OF_THE_CONTRACT,
    "order": [order_service_pb2.Order.DESCRIPTOR],
    "book": [library(get="/books").methods_by_name["Find"].input_type],
    "everything": [Everything.DESCRIPTOR],
    "well-known": WELL_KNOWN,
}
of_every_kind = pytest.mark.parametrize(
    "kinds", [pytest.param(st.sampled_from(kinds), id=name) for name, kinds in KINDS.items()]
)

Kinds = st.SearchStrategy[Descriptor]

ODD: Any = st.one_of(
    st.sampled_from([None, True, False, 0, 1, -1, 1.5, 1e16, -0.0, 2**31, 2**53 + 1, 2**63, -(2**63), 2**64, 10**30]),
    st.sampled_from(["1", "-1", "1.0", "1e2", "1.5", " 1", "1_0", "0x1", "٣", "true", "NaN", "nan", "Infinity"]),
    st.sampled_from(["", "x", "ä", "\ud800", "A", "AA", "AAA=", "-_", "+/", "=", "*", "RED", "NOVEL", "PENDING"]),
    st.sampled_from(["1s", "-1.5s", "a.b,cD", "2026-07-01T12:00:00Z", "2026-07-01T12:00:00.5+01:00", "2026-07-01"]),
    st.sampled_from([[], [None], [[]], [1, "1"], {}, {"": 1}, {"1": 1}, {"true": 1}, {"value": 1}, {"@type": "x"}]),
)
TAKEN_BY_JSON_FORMAT_ONLY = {
    "must be one of": "true, 1.0 and '1' are no enum",
    "must be a whole number from": "'1_0', '٣' and -2^63 as a float, which may be a number below it",
    "must be a number": "'1_0', 'inf' and numbers beyond 32 bits as texts",
    "must be base64": "what is not of its alphabet",
    "must be a time": "one digit where RFC 3339 has two, offsets of 99 hours",
    "is given twice": "a field in both spellings, a key of a map in two forms",
    "is a key that": "keys that are no number of the map's kind",
    "must be an object": "an empty list",
}
"""How the texts begin that refuse what json_format takes, and what that is."""


def merged(value: Any, descriptor: Descriptor) -> Any:
    message, found = GetMessageClass(descriptor)(), BoundedViolations()
    codec.merge(value, message, found)
    found.check()
    return message


def wire(message: Any) -> bytes:
    """What is equal, for messages with NaN too."""
    written: bytes = message.SerializeToString(deterministic=True)
    return written


def exact(value: Any) -> str:
    """A text that tells 1 from 1.0 and 0.0 from -0.0."""
    return json.dumps(value, sort_keys=True)


@of_every_kind
@given(st.data())
def test_a_message_is_written_as_json_format_writes_it(kinds: Kinds, data: st.DataObject) -> None:
    descriptor = data.draw(kinds)
    message = data.draw(messages(descriptor))

    written = json.loads(codec.encode(message))

    assert exact(written) == exact(json_format.MessageToDict(message, always_print_fields_with_no_presence=True))


@of_every_kind
@given(st.data(), st.booleans(), st.booleans(), st.booleans())
def test_what_json_format_writes_is_read_as_it_reads_it(
    kinds: Kinds, data: st.DataObject, own_names: bool, numbers: bool, defaults: bool
) -> None:
    descriptor = data.draw(kinds)
    message = data.draw(messages(descriptor))
    value = json_format.MessageToDict(
        message,
        preserving_proto_field_name=own_names,
        use_integers_for_enums=numbers,
        always_print_fields_with_no_presence=defaults,
    )
    expected = json_format.ParseDict(value, GetMessageClass(descriptor)())

    assert wire(merged(value, descriptor)) == wire(expected)


@of_every_kind
@given(st.data())
def test_a_message_is_read_into_another_as_json_format_does_it(kinds: Kinds, data: st.DataObject) -> None:
    descriptor = data.draw(kinds)
    value = json_format.MessageToDict(data.draw(messages(descriptor)))
    if descriptor not in WELL_KNOWN:
        value |= dict.fromkeys(data.draw(st.lists(st.sampled_from(_cleared_by_null(descriptor)))))
    ours, theirs = data.draw(messages(descriptor)), GetMessageClass(descriptor)()
    theirs.CopyFrom(ours)
    json_format.ParseDict(value, theirs)
    found = BoundedViolations()

    codec.merge(value, ours, found)

    found.check()
    assert wire(ours) == wire(theirs)


@of_every_kind
@given(st.data())
def test_nothing_is_taken_that_json_format_refuses(kinds: Kinds, data: st.DataObject) -> None:
    descriptor = data.draw(kinds)
    value = json_format.MessageToDict(data.draw(messages(descriptor)))
    value = _mutated(value, descriptor, data)
    theirs: Any = GetMessageClass(descriptor)()
    try:
        json_format.ParseDict(value, theirs)
    except Exception as error:  # json_format lets several kinds through
        theirs, refused = None, error

    try:
        ours = merged(value, descriptor)
    except InvalidArgument as error:
        event("refused")
        reasons = [violation.description for violation in error.violations]
        assert theirs is None or any(reason.startswith(tuple(TAKEN_BY_JSON_FORMAT_ONLY)) for reason in reasons), reasons
    else:
        event("taken")
        assert theirs is not None, refused
        assert wire(ours) == wire(theirs)


def _cleared_by_null(descriptor: Descriptor) -> list[str]:
    """Of a list of Values json_format does not take null."""
    return [field.json_name for field in descriptor.fields if not (field.is_repeated and "Value" in field.json_name)]


def _mutated(value: Any, descriptor: Descriptor, data: st.DataObject) -> Any:
    """The value with one thing in it exchanged for another, taken out, or added."""
    places = [((), value), *_places(value)]
    path, _ = data.draw(st.sampled_from(places))
    other = data.draw(ODD | JSON)
    if not path:
        if not isinstance(value, dict):
            return other
        names = [name for field in descriptor.fields for name in (field.json_name, field.name)]
        return {**value, data.draw(st.sampled_from([*names, "unknown", "[ext]"])): other}
    here = value
    for step in path[:-1]:
        here = here[step]
    if data.draw(st.booleans()):
        here[path[-1]] = other
    else:
        del here[path[-1]]
    return value


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inside:
        yield (*path, step), item
        yield from _places(item, (*path, step))
