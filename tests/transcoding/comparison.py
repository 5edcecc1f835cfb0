"""Asking both transcoders, and what is compared of what came of it."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from google.protobuf.descriptor import MethodDescriptor
from yarl import URL

from gateway.tests.backend import Backend
from tests.transcoding.answers import abortion, random_message
from tests.transcoding.cases import Case

NO_AUTOMATIC_HEADERS = ("accept", "accept-encoding", "content-type", "user-agent")


@dataclass(frozen=True)
class Call:
    """What the service was asked: the method, and the request's bytes, fields in their order."""

    method: str
    request: bytes


@dataclass(frozen=True)
class Seen:
    """What came of a case: what the service saw, and what the client saw.

    ``value`` is the body's JSON value; when it is not JSON, its text.
    """

    call: Call | None
    status: int
    value: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Result:
    """What came of a case on either side."""

    case: Case
    ours: Seen
    envoys: Seen


class Service:
    """Gives the scripted services the answers of one case after the other."""

    def __init__(self, backend: Backend, methods: list[MethodDescriptor]) -> None:
        self._backend = backend
        self._case: Case | None = None
        for method in methods:
            backend.answers[method.name] = self._script(method)

    def begin(self, case: Case) -> None:
        """Answer as the case says, from now on."""
        self._case = case
        self._backend.received.clear()

    @property
    def call(self) -> Call | None:
        """The one call since then."""
        if not self._backend.received:
            return None
        (received,) = self._backend.received
        return Call(received.method, received.request.SerializeToString(deterministic=True))

    def _script(self, method: MethodDescriptor) -> Any:
        def answer(request: Any, context: Any) -> Any:
            assert self._case is not None
            if self._case.answer is not None:
                return abortion(self._case.answer)(request, context)
            return random_message(method.output_type, random.Random(self._case.name))

        return answer


async def ask(client: aiohttp.ClientSession, url: str, service: Service, case: Case) -> Seen:
    """What comes of ``case`` when ``url`` transcodes it. The target is sent byte for byte."""
    service.begin(case)
    async with client.request(
        case.verb,
        URL(f"{url}{case.target}", encoded=True),
        data=case.body,
        headers=case.headers,
        skip_auto_headers=NO_AUTOMATIC_HEADERS,
        allow_redirects=False,
    ) as answer:
        text = (await answer.read()).decode(errors="backslashreplace")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Seen(service.call, answer.status, _value(text), headers)


def agree(result: Result) -> bool:
    """Whether the service saw the same, and the client was told the same.

    Of a request that reached nobody the status is compared: how a refusal is worded is each one's own.
    """
    ours, envoys = result.ours, result.envoys
    if (ours.call, ours.status) != (envoys.call, envoys.status):
        return False
    return ours.call is None or same(ours.value, envoys.value)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal. A number is one however it is written: 1.0 is 1, and -0 is 0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
