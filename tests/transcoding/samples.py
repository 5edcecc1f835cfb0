"""Values of each kind of field, right and wrong: as JSON texts, and as texts in paths and queries."""

from google.protobuf.descriptor import Descriptor, FieldDescriptor

F = FieldDescriptor

_WHOLE = ["1", "0", "-1", '"7"', '"-7"', "1.0", "1e2", '"1.0"', '"1e2"', "-0", "null"]
_NOT_WHOLE = [
    "1.5",
    '"1.5"',
    '""',
    '"x"',
    "true",
    '" 1"',
    '"1 "',
    '"0x1"',
    '"1_0"',
    '"+1"',
    '"01"',
    "[]",
    "{}",
    "1e400",
]
_REAL = ["1.5", "0", "-0.0", '"1.5"', '"-1e3"', "1e2", '"NaN"', '"Infinity"', '"-Infinity"', "null"]
_NOT_REAL = ['"x"', '""', "true", '"nan"', '"inf"', '" 1"', '"1_0"', '"0x1"', "[]", "{}", "1e400", '"1e400"']

JSON_TEXTS: dict[int, list[str]] = {
    F.TYPE_INT32: [*_WHOLE, "2147483647", "-2147483648", "2147483648", "-2147483649", *_NOT_WHOLE],
    F.TYPE_INT64: [
        *_WHOLE,
        *("9223372036854775807", '"9223372036854775807"', '"-9223372036854775808"', "9007199254740993"),
        *("9223372036854775808", '"9223372036854775808"', "1e18", '"1e18"'),
        *_NOT_WHOLE,
    ],
    F.TYPE_UINT32: [*_WHOLE, "4294967295", "4294967296", *_NOT_WHOLE],
    F.TYPE_UINT64: [*_WHOLE, '"18446744073709551615"', "18446744073709551615", '"18446744073709551616"', *_NOT_WHOLE],
    F.TYPE_FLOAT: [*_REAL, "3.4e38", "3.5e38", "-3.5e38", "0.1", "16777217", "1e-50", *_NOT_REAL],
    F.TYPE_DOUBLE: [*_REAL, "1.7976931348623157e308", "5e-324", "0.1", "123456789012345678", *_NOT_REAL],
    F.TYPE_BOOL: ["true", "false", "null", '"true"', '"false"', "1", "0", '"1"', '""', "[]", "{}"],
    F.TYPE_STRING: [
        *('"a"', '""', '"\u00e4\u20ac\U0001f600"', r'"\u00e4"', r'"\ud83d\ude00"', r'"\n\"\\\/"', r'"\u0000"', "null"),
        *('"' + "x" * 20_000 + '"', r'"\ud800"', r'"\udc00"', r'"\ud800x"', "1", "true", "[]", "{}"),
    ],
    F.TYPE_BYTES: [
        *('"AAEC"', '""', '"AA=="', '"AA"', '"AAA="', '"_-8="', '"+/8="', '"_-8"', "null"),
        *('"A"', '"AA="', '"AAA=="', '"+-8="', '"AB=="', '"!!"', '" AAEC"', '"AAEC "', '"AA==AA=="', "1", "[]"),
    ],
    F.TYPE_ENUM: [
        *('"NOVEL"', "1", "0", "-3", "99", "null", '"1"', '"99"', "1.0"),
        *('"novel"', '"ESSAY"', '""', "1.5", "true", "2147483648", '"-3"', "[]"),
    ],
}
JSON_TEXTS |= {
    F.TYPE_SINT32: JSON_TEXTS[F.TYPE_INT32],
    F.TYPE_SFIXED32: JSON_TEXTS[F.TYPE_INT32],
    F.TYPE_SINT64: JSON_TEXTS[F.TYPE_INT64],
    F.TYPE_SFIXED64: JSON_TEXTS[F.TYPE_INT64],
    F.TYPE_FIXED32: JSON_TEXTS[F.TYPE_UINT32],
    F.TYPE_FIXED64: JSON_TEXTS[F.TYPE_UINT64],
}

WELL_KNOWN_JSON_TEXTS: dict[str, list[str]] = {
    "google.protobuf.Timestamp": [
        *('"2026-07-01T12:00:00Z"', '"2026-07-01T12:00:00.5Z"', '"2026-07-01T12:00:00.123456789Z"'),
        *('"2026-07-01T12:00:00+02:00"', '"2026-07-01T12:00:00-00:30"', '"0001-01-01T00:00:00Z"'),
        *('"9999-12-31T23:59:59.999999999Z"', '"1969-12-31T23:59:59.5Z"', '"2024-02-29T00:00:00Z"', "null"),
        *('"2026-02-29T00:00:00Z"', '"0000-01-01T00:00:00Z"', '"10000-01-01T00:00:00Z"', '"2026-07-01"', '""'),
        *('"2026-07-01T12:00:00"', '"2026-07-01t12:00:00z"', '"2026-07-01 12:00:00Z"', '"2026-07-01T24:00:00Z"'),
        *('"2026-07-01T12:00:60Z"', '"2026-07-01T12:00:00.1234567890Z"', '"2026-07-01T12:00:00.Z"', "1", "{}"),
    ],
    "google.protobuf.Duration": [
        *('"1.5s"', '"0s"', '"-1s"', '"-0.5s"', '"0.000000001s"', '"315576000000s"', "null"),
        *(
            '"1"',
            '"1.5"',
            '"s"',
            '""',
            '"1.0000000001s"',
            '"315576000001s"',
            '"1m"',
            '" 1s"',
            '"1e3s"',
            '"+1s"',
            "1",
            "{}",
        ),
    ],
    "google.protobuf.FieldMask": ['"recordId,author.fullName"', '""', '"a"', '"a_b"', '"a,,b"', '"aB.cD"', "1", "null"],
    "google.protobuf.Struct": ['{"a": [null, true, "x", {"b": 1.5}]}', "{}", "[]", "1", "null", '{"a": 1, "a": 2}'],
    "google.protobuf.Value": ['{"a": 1}', "[1, null]", "null", '"x"', "1.5", "true"],
    "google.protobuf.ListValue": ['[1, "a", null, {}]', "[]", "{}", "1", "null"],
}

_WRAPPED = {
    "google.protobuf.StringValue": F.TYPE_STRING,
    "google.protobuf.Int64Value": F.TYPE_INT64,
    "google.protobuf.UInt32Value": F.TYPE_UINT32,
    "google.protobuf.BoolValue": F.TYPE_BOOL,
    "google.protobuf.DoubleValue": F.TYPE_DOUBLE,
    "google.protobuf.BytesValue": F.TYPE_BYTES,
}

_ONLY_WRAPPED = {'"1_0"', '" 1"', "true", '"inf"', '"1e400"', '"!!"', '" AAEC"', '"AAEC "', '"AA==AA=="'}
_ONLY_WRAPPED_TEXTS = {"1_0", "%201", "1e400", "!!"}
"""What ``json_format`` takes for a wrapper, and for no plain field: of no meaning to the transcoding."""

_WHOLE_TEXTS = ["1", "0", "-1", "007", "", "x", "1.5", "1.0", "1e2", "%201", "1_0", "0x1", "%2B1", "9" * 30, "true"]
_REAL_TEXTS = ["1.5", "0", "-1e3", "NaN", "Infinity", "-Infinity", "", "x", "nan", "1e400", "1_0", "0x1", "%201"]

TEXTS: dict[int, list[str]] = {
    F.TYPE_INT32: [*_WHOLE_TEXTS, "2147483647", "2147483648"],
    F.TYPE_INT64: [*_WHOLE_TEXTS, "9223372036854775807", "9223372036854775808", "9007199254740993"],
    F.TYPE_UINT32: [*_WHOLE_TEXTS, "4294967295", "4294967296"],
    F.TYPE_UINT64: [*_WHOLE_TEXTS, "18446744073709551615", "18446744073709551616"],
    F.TYPE_FLOAT: _REAL_TEXTS,
    F.TYPE_DOUBLE: _REAL_TEXTS,
    F.TYPE_BOOL: ["true", "false", "", "1", "0", "True", "TRUE", "yes", "t"],
    F.TYPE_STRING: ["a", "", "a+b", "a%20b", "a%2Bb", "%C3%A4", "%25", "%26%3D", "null", "true", "1", "%22a%22", "a=b"],
    F.TYPE_BYTES: ["AAEC", "", "_-8%3D", "%2B%2F8%3D", "AA", "A", "!!"],
    F.TYPE_ENUM: ["NOVEL", "1", "0", "-3", "99", "", "novel", "ESSAY", "1.0", "99999999999"],
}
TEXTS |= {
    F.TYPE_SINT32: TEXTS[F.TYPE_INT32],
    F.TYPE_SFIXED32: TEXTS[F.TYPE_INT32],
    F.TYPE_SINT64: TEXTS[F.TYPE_INT64],
    F.TYPE_SFIXED64: TEXTS[F.TYPE_INT64],
    F.TYPE_FIXED32: TEXTS[F.TYPE_UINT32],
    F.TYPE_FIXED64: TEXTS[F.TYPE_UINT64],
}

WELL_KNOWN_TEXTS: dict[str, list[str]] = {
    "google.protobuf.Timestamp": [
        *("2026-07-01T12:00:00Z", "2026-07-01T12:00:00.5%2B02:00", "2026-07-01T12:00:00+02:00", "", "now", "1"),
        "%222026-07-01T12:00:00Z%22",
    ],
    "google.protobuf.Duration": ["1.5s", "-1s", "", "1", "1m"],
    "google.protobuf.FieldMask": ["recordId,author.fullName", "record_id", "", "a%2Cb"],
    "google.protobuf.Struct": ["x", "%7B%7D", ""],
    "google.protobuf.Value": ["x", "1"],
    "google.protobuf.ListValue": ["x", "%5B%5D"],
}


def json_texts(field: FieldDescriptor) -> list[str]:
    """JSON texts to give to one value of the field."""
    message = field.message_type
    if message is None:
        return _of_our_enum(field, JSON_TEXTS[field.type])
    if message.full_name in _WRAPPED:
        kind = _WRAPPED[message.full_name]
        return [text for text in JSON_TEXTS[kind] if kind == F.TYPE_BOOL or text not in _ONLY_WRAPPED]
    return WELL_KNOWN_JSON_TEXTS.get(message.full_name) or [*_objects(message), "null", "[]", '"x"', "1", '{"x": 1}']


def texts(field: FieldDescriptor) -> list[str]:
    """Percent-encoded texts to give to one value of the field, in a path or a query."""
    message = field.message_type
    if message is None:
        return _of_our_enum(field, TEXTS[field.type])
    if message.full_name in _WRAPPED:
        return [text for text in TEXTS[_WRAPPED[message.full_name]] if text not in _ONLY_WRAPPED_TEXTS]
    return WELL_KNOWN_TEXTS.get(message.full_name, ["x", "%7B%7D", ""])


def _of_our_enum(field: FieldDescriptor, found: list[str]) -> list[str]:
    """Enums of our contract have no NOVEL, but a name in second place."""
    return found if field.enum_type is None else [t.replace("NOVEL", field.enum_type.values[1].name) for t in found]


def _objects(message: Descriptor) -> list[str]:
    """Objects with nothing, and with one field each that is not a message again."""
    plain = [field for field in message.fields if field.message_type is None and not field.is_repeated]
    return ["{}", *(f'{{"{field.json_name}": {json_texts(field)[0]}}}' for field in plain)]
