"""Differences in what becomes of the query and the body."""

import re
from collections.abc import Mapping

from tests.transcoding.comparison import Result
from tests.transcoding.difference import Difference, only_envoy_refuses, only_we_refuse, parameters, path, tries

IN_BODY = ("field in body", "field as body", "body", "key twice in body", "both spellings in body")
AS_TEXT = ("value in path", "value in query", "query", "path")

_VARIABLES = {"sku", "orderId", "order_id", "userId", "user_id", "messageId", "message_id", "recordId", "record_id"} | {
    "author.fullName",
    "author.home.city",
}
"""Variables of paths, by the names of query parameters."""


_SHAPES = r'\[\[|\[\]|\{\}|\{"(?:value|seconds|paths)"'
"""Lists within lists and messages where a text belongs: Envoy takes them for every type."""

_BODY_IS_STRICTER = {
    "must be a list": "",
    "must be an object": _SHAPES,
    "must be a string": _SHAPES,
    "must not be null": "null",
    "must be a whole number": rf'"\+1"|{_SHAPES}',
    "must be a number": rf'"0x1"|{_SHAPES}',
    "must be true or false": rf'"(?:true|false|1)"|{_SHAPES}',
    "must be one of": rf'"-?[0-9]"|1\.0|{_SHAPES}',
    "must be base64": rf" AAEC|AAEC |{_SHAPES}",
    "must be a time": rf":60Z|00\.Z|{_SHAPES}",
    "must be a duration": _SHAPES,
    "must be field names": rf'"a_b"|{_SHAPES}',
    "is not a valid google.protobuf.": rf'"(?:true|false|1|0x1)"|{_SHAPES}',
    "is a key that must be true or false": '"(?:1|True)"',
    "Failed to parse votes": '"(?:1|True)"',
}
"""What we say, and of which JSON."""

_TRUE_AND_FALSE = "[/=](?:1|0|True|TRUE|yes|t)(?:/|$)"
_TEXT_IS_STRICTER = {
    "must be a whole number": "%2B1",
    "must be a number": "0x1",
    "must be true or false": _TRUE_AND_FALSE,
    "must be field names": "record_id",
    "is not a valid google.protobuf.": f"0x1|{_TRUE_AND_FALSE}",
}
"""What we say, and of which targets."""


def _is_stricter(result: Result, patterns: Mapping[str, str], text: str) -> bool:
    """Whether we alone refuse the request, for something that ``patterns`` know ``text`` to have."""
    return any(only_we_refuse(result, said) and re.search(pattern, text) for said, pattern in patterns.items())


def _is_given_elsewhere(result: Result) -> bool:
    """Whether the body is the whole message, or each refused parameter a variable or the field in the body."""
    last = path(result).rpartition("/")[2]
    if result.case.verb in {"POST", "PUT", "PATCH"} and not path(result).startswith("/records/"):
        return True
    names = [violation["field"] for violation in result.ours.value["violations"]]
    return all(name in _VARIABLES or name.partition(".")[0] == last for name in names)


QUERIES = (
    Difference(
        "What the path or the body gives, and with the body `*` everything, is no query parameter: 400.",
        "It is one: the query's value is taken as well, or instead.",
        "google.api.http: parameters are the fields that path and body leave over.",
        lambda r: only_we_refuse(r, "is not a query parameter here") and _is_given_elsewhere(r),
    ),
    Difference(
        "No query parameter leads through a list or a map, or into a well-known type; none is a `Value`: 400.",
        "Some are taken: for the one element of a list, for `seconds` of a time.",
        "google.api.http has parameters for single values and lists of them; well-known types are one text.",
        lambda r: (
            only_we_refuse(r, "is not a query parameter here")
            and path(r) == "/records"
            and all(not part.startswith("=") and "=" in part for part in parameters(r))
        ),
    ),
    Difference(
        "A parameter without `=` has the empty text; one without a name is refused.",
        "Both are ignored.",
        "As forms are read (WHATWG URL, section 5.1), and nothing that was sent is dropped.",
        lambda r: (
            tries(r, "query")
            and any(part.startswith("=") or "=" not in part for part in parameters(r))
            and r.envoys.status == 200
        ),
    ),
    Difference(
        "A single value that is given twice is refused.",
        "The last one wins.",
        "Two parties that read the same query must not see different values.",
        lambda r: only_we_refuse(r, "is given twice") and tries(r, "twice in query", "query"),
    ),
    Difference(
        "At most 100 parameters.",
        "Any number.",
        "Everything has a bound.",
        lambda r: only_we_refuse(r, "must have at most 100 parameters"),
    ),
)

TEXTS = (
    Difference(
        "In paths and queries numbers, truth values and masks are written as in ProtoJSON: `true`, `7`, `recordId`.",
        "Also `True`, `yes`, `1` for true, `+7`, `0x7`, `record_id`.",
        "One way to write a value, the same in URL and body.",
        lambda r: tries(r, *AS_TEXT) and _is_stricter(r, _TEXT_IS_STRICTER, r.case.target),
    ),
    Difference(
        'A whole number may be written `"1.0"` and `"1e2"`, in a text as without one.',
        "Not in a text.",
        "ProtoJSON: exponents are taken quoted and unquoted.",
        lambda r: (
            only_envoy_refuses(r)
            and tries(r, "field in body", *AS_TEXT)
            and any(text in f"{r.case.target} {r.case.body!r}" for text in ("1.0", "1e2", "1e18"))
            and "Duration" not in str(r.envoys.value)
        ),
    ),
    Difference(
        "An enum's number that no name is known for is taken, in the URL as in the body.",
        "In the body only.",
        "Enums of proto3 are open: a newer client may know more names than this gateway.",
        lambda r: only_envoy_refuses(r) and tries(r, *AS_TEXT) and "99" in r.case.target,
    ),
)

BODIES = (
    Difference(
        "A body is JSON as RFC 8259 has it.",
        "Also with commas at the end, single quotes, keys without quotes, control characters in texts.",
        "What is read differently by others must not pass through us.",
        lambda r: only_we_refuse(r, "is not JSON: "),
    ),
    Difference(
        "An unknown field is refused by its path.",
        "It is ignored.",
        "A misspelled optional field must not silently do nothing.",
        lambda r: only_we_refuse(r, "is not a field here"),
    ),
    Difference(
        "A key that is given twice, in one spelling or in both, is refused.",
        "The last one wins, or they are merged.",
        "Two parties that read the same body must not see different values.",
        lambda r: only_we_refuse(r, "is given twice", "has a key twice") and tries(r, *IN_BODY),
    ),
    Difference(
        "A value is of its field's type as ProtoJSON has it.",
        'Also `"true"` for true, `"1"` for an enum, one value for a list, a list within a list, null in a list, '
        '`{"seconds": 1}` for a time, the 60th second, blanks in base64.',
        "A mistake is shown to whoever makes it, instead of being guessed at.",
        lambda r: tries(r, *IN_BODY) and _is_stricter(r, _BODY_IS_STRICTER, (r.case.body or b"").decode()),
    ),
    Difference(
        "Base64 may have a wrong number of `=` and mix its two alphabets; a tenth digit of a second is cut off; "
        "a mask may have an empty name.",
        "The first two are refused, the last is left out.",
        "As `google.protobuf.json_format` has it, which clients in Python use.",
        lambda r: (
            tries(r, "field in body")
            and r.ours.call is not None
            and r.case.body is not None
            and any(text in r.case.body for text in (b'"AA="', b'"AAA=="', b'"+-8="', b"1.0000000001s", b'"a,,b"'))
        ),
    ),
    Difference(
        "A body may repeat what the path says, but not differ: 400.",
        "The same, but only for fields of the message itself in the contract's spelling.",
        "Envoy lets the path or the body win; what was written about another thing is a mistake.",
        lambda r: only_we_refuse(r, "must equal the one in the path"),
    ),
    Difference(
        "What the path says may be in the body with its default value, and an enum by its number or its name.",
        "Both are refused as different.",
        "ProtoJSON makes no difference between a default and nothing, nor between a number and its name.",
        lambda r: only_envoy_refuses(r) and "binding value" in str(r.envoys.value),
    ),
    Difference(
        "Without a body the field that the body would be is left unset.",
        "A message is there, and empty; for a list it is an error.",
        "Nothing is not `{}`.",
        lambda r: r.case.verb in {"PATCH", "DELETE"} and r.case.body == b"" and r.ours.status == 200,
    ),
)
