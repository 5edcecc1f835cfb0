"""ProtoJSON in both directions. Whoever wants another JSON library changes this module only.

In: both spellings of a field, unknown and ill-typed fields refused with their paths. Out: lowerCamel
keys, enums by name, int64 as text, and fields without presence also when they have their default.
"""

from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from gateway import jsontext
from gateway.shapes import BoundedViolations, shape_of


def encode(message: Message) -> bytes:
    """The JSON text of a message."""
    return jsontext.dump(json_format.MessageToDict(message, always_print_fields_with_no_presence=True))


def merge(value: Any, message: Message, found: BoundedViolations) -> None:
    """Merge a JSON object into ``message``, or add everything that is wrong with it to ``found``."""
    before = found.count
    try:
        shape_of(message.DESCRIPTOR).check(value, "", found)
        if found.count == before:
            json_format.ParseDict(value, message)
    except RecursionError:
        found.add("body", "is nested too deeply")
    except json_format.ParseError as error:
        found.add("body", str(error).partition("\n")[0])
