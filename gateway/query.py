"""Query parameters as fields: nested ones with dots, repeated ones by repeating."""

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from chassis.violations import Violations
from gateway.fields import BOOL_WRAPPER, FieldPath, Names, names_of, resolve

PARAMETERS_MAX = 100
_NAME_LENGTH_MAX = 100
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ENUM_NUMBER = re.compile(r"-?[0-9]{1,10}")
_BOOLS = {"true": True, "false": False}


def read_query(query: bytes, message: Descriptor, bound: Collection[Names], found: Violations) -> dict[str, Any]:
    """The JSON object that a query string stands for.

    ``bound`` are the fields that come from elsewhere (the path, the body), with all that is inside them. Adds
    parameters that are unknown or given too often to ``found``; types are the codec's business.
    """
    if _BAD_ESCAPE.search(query):
        found.add("query", "must be percent-encoded UTF-8")
        return {}
    try:
        parameters = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX
        )
    except UnicodeDecodeError:
        found.add("query", "must be percent-encoded UTF-8")
        return {}
    except ValueError:
        found.add("query", f"must have at most {PARAMETERS_MAX} parameters")
        return {}
    values: dict[str, Any] = {}
    for name, text in parameters:
        fields = resolve(message, name)
        if fields is None or is_bound(names_of(fields), bound):
            found.add(name[:_NAME_LENGTH_MAX], "is not a query parameter here")
        elif not put_text(values, fields, text):
            found.add(name, "is given twice")
    return values


def is_bound(names: Names, bound: Collection[Names]) -> bool:
    """Whether a field comes from elsewhere, or one that it is inside of does."""
    return any(names[:depth] in bound for depth in range(len(names) + 1))


def put_text(values: dict[str, Any], fields: FieldPath, text: str) -> bool:
    """Put a field's value, given as text, into a JSON object; False when a single value is there already."""
    for field in fields[:-1]:
        values = values.setdefault(field.json_name, {})
    last = fields[-1]
    if last.is_repeated:
        values.setdefault(last.json_name, []).append(_json_value(last, text))
    elif last.json_name in values:
        return False
    else:
        values[last.json_name] = _json_value(last, text)
    return True


def _json_value(field: FieldDescriptor, text: str) -> Any:
    """In JSON numbers may be texts, truth values and the numbers of enums may not."""
    if field.type == FieldDescriptor.TYPE_BOOL or (field.message_type and field.message_type.full_name == BOOL_WRAPPER):
        return _BOOLS.get(text, text)
    if field.enum_type is not None and _ENUM_NUMBER.fullmatch(text):
        return int(text)
    return text
