"""Finding who answers a path: a tree of segments, built once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

from chassis.errors import InvalidArgument, Violation
from gateway.errors import MethodNotAllowed, PathNotFound, UnsupportedRule
from gateway.head import ASTERISK
from gateway.template import Template, Variable

Endpoint = TypeVar("Endpoint")

_VERBS_IN_ORDER = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(slots=True)
class _Node(Generic[Endpoint]):
    literals: "dict[str, _Node[Endpoint]]" = field(default_factory=dict)
    variable: "_Node[Endpoint] | None" = None
    endpoints: dict[str, Endpoint] = field(default_factory=dict)


class Router(Generic[Endpoint]):
    """Endpoints by HTTP method and path. A literal segment wins over a variable one."""

    def __init__(self) -> None:
        self._root: _Node[Endpoint] = _Node()

    def add(self, verb: str, template: Template, endpoint: Endpoint) -> None:
        """Let ``endpoint`` answer ``verb`` on the template's paths.

        :raises UnsupportedRule: when another one does already.
        """
        node = self._root
        for segment in template.segments:
            if isinstance(segment, Variable):
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literals.setdefault(segment, _Node())
        if node.endpoints.setdefault(verb, endpoint) is not endpoint:
            raise UnsupportedRule(f"two methods answer {verb} {template.text}")

    def find(self, verb: str, path: bytes) -> tuple[Endpoint, tuple[str, ...]]:
        """The endpoint for a raw path, and the decoded texts of the template's variables. HEAD finds GET's.

        A ``%2F`` belongs to its segment's text and splits nothing; ``.`` and ``..`` are texts like others. ``*`` is the
        server as a whole.

        :raises PathNotFound: when nobody answers the path.
        :raises MethodNotAllowed: when others answer it; says which.
        :raises InvalidArgument: when a segment is not percent-encoded UTF-8.
        """
        if path == ASTERISK:
            raise _not_allowed(set(_VERBS_IN_ORDER))
        wanted = "GET" if verb == "HEAD" else verb
        verbs: set[str] = set()
        for endpoints, values in _matches(self._root, _segments(path), 0, ()):
            endpoint = endpoints.get(wanted)
            if endpoint is not None:
                return endpoint, values
            verbs.update(endpoints)
        if not verbs:
            raise PathNotFound("nothing is here")
        raise _not_allowed(verbs)


def _not_allowed(verbs: set[str]) -> MethodNotAllowed:
    allowed = allow(verbs)
    return MethodNotAllowed(f"only {allowed} can be used here", {"allow": allowed})


def allow(verbs: set[str]) -> str:
    """The value of an ``Allow`` header for a path that has endpoints for ``verbs``."""
    implied = verbs | {"OPTIONS"} | ({"HEAD"} if "GET" in verbs else set())
    return ", ".join(verb for verb in _VERBS_IN_ORDER if verb in implied)


def _segments(path: bytes) -> list[str]:
    """The texts between the slashes; a path that does not begin with one has no match."""
    if _BAD_ESCAPE.search(path):
        raise InvalidArgument([Violation("path", "must be percent-encoded UTF-8")])
    try:
        texts = path.decode("ascii").split("/")
        segments = [unquote(text, errors="strict") for text in texts] if b"%" in path else texts
    except UnicodeDecodeError:
        raise InvalidArgument([Violation("path", "must be percent-encoded UTF-8")]) from None
    return segments[1:] if not segments[0] else [""]


def _matches(
    node: _Node[Endpoint], segments: list[str], depth: int, values: tuple[str, ...]
) -> Iterator[tuple[Mapping[str, Endpoint], tuple[str, ...]]]:
    """Every node that the segments lead to, the most literal first."""
    if depth == len(segments):
        if node.endpoints:
            yield node.endpoints, values
        return
    segment = segments[depth]
    literal = node.literals.get(segment)
    if literal is not None:
        yield from _matches(literal, segments, depth + 1, values)
    if node.variable is not None and segment:
        yield from _matches(node.variable, segments, depth + 1, (*values, segment))
