"""The comments of the protos. Generated code has none, so ``make protos`` writes them into ``comments.json``."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Self

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

FILE = "comments.json"
OWN_PACKAGES = "ordermesh."

_SENTENCE = re.compile(r"(.*?[.!?])(?:\s+|$)(.*)", re.DOTALL)
_SNAKE_NAME = re.compile(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+)+)`")

Path = tuple[int, ...]


class Comments:
    """What the contract says about its services, methods, messages, fields and enum values, by full name."""

    def __init__(self, by_name: Mapping[str, str]) -> None:
        self._by_name = by_name

    @classmethod
    def of_the_contract(cls) -> Self:
        """Those of this version's contract."""
        return cls(json.loads(files(__package__).joinpath(FILE).read_text()))

    def of(self, descriptor: Any) -> str:
        """The comment of a descriptor, or the empty text. Fields are named as JSON names them: `orderId`."""
        return _SNAKE_NAME.sub(lambda match: f"`{_camel(match[1])}`", self._by_name.get(descriptor.full_name, ""))

    def of_value(self, value: Any) -> str:
        """The comment of a value of an enum, in one line."""
        name = f"{value.type.full_name}.{value.name}"
        return " ".join(self._by_name.get(name, "").split())


def first_sentence(text: str) -> tuple[str, str]:
    """The first sentence, in one line, and what comes after it."""
    match = _SENTENCE.match(text)
    first, rest = match.groups() if match else (text, "")
    return " ".join(first.split()), rest


def read_comments(described: FileDescriptorSet) -> dict[str, str]:
    """The comments in our own files of a descriptor set that was built with source info."""
    return {
        name: "\n".join(line.strip() for line in location.leading_comments.strip().splitlines())
        for file in described.file
        if file.package.startswith(OWN_PACKAGES)
        for names in [dict(_names(file))]
        for location in file.source_code_info.location
        if location.leading_comments and (name := names.get(tuple(location.path)))
    }


def _names(file: FileDescriptorProto) -> Iterator[tuple[Path, str]]:
    """The full names by the paths that source info speaks of (see SourceCodeInfo in descriptor.proto)."""
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (file.SERVICE_FIELD_NUMBER, index), name
        for number, method in enumerate(service.method):
            yield (file.SERVICE_FIELD_NUMBER, index, service.METHOD_FIELD_NUMBER, number), f"{name}.{method.name}"
    for index, enum in enumerate(file.enum_type):
        yield from _names_in_enum(enum, (file.ENUM_TYPE_FIELD_NUMBER, index), file.package)
    for index, message in enumerate(file.message_type):
        yield from _names_in_message(message, (file.MESSAGE_TYPE_FIELD_NUMBER, index), file.package)


def _names_in_message(message: Any, path: Path, scope: str) -> Iterator[tuple[Path, str]]:
    name = f"{scope}.{message.name}"
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, message.FIELD_FIELD_NUMBER, index), f"{name}.{field.name}"
    for index, enum in enumerate(message.enum_type):
        yield from _names_in_enum(enum, (*path, message.ENUM_TYPE_FIELD_NUMBER, index), name)
    for index, nested in enumerate(message.nested_type):
        yield from _names_in_message(nested, (*path, message.NESTED_TYPE_FIELD_NUMBER, index), name)


def _names_in_enum(enum: Any, path: Path, scope: str) -> Iterator[tuple[Path, str]]:
    yield path, f"{scope}.{enum.name}"
    for index, value in enumerate(enum.value):
        yield (*path, enum.VALUE_FIELD_NUMBER, index), f"{scope}.{enum.name}.{value.name}"


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def main() -> None:
    """``make protos``: a descriptor set comes in, the comments in it go out."""
    comments = read_comments(FileDescriptorSet.FromString(sys.stdin.buffer.read()))
    sys.stdout.write(json.dumps(comments, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
