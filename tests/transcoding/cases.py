"""One thing that is asked of both transcoders."""

from dataclasses import dataclass, field
from typing import Any

JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Case:
    """A request, and what the service answers.

    ``kind`` says what the case tries; ``target`` is sent as it is, path and query. ``answer`` is None for a
    random message (seeded by the case), else the message or the ``grpc.Status`` to answer with.
    """

    kind: str
    verb: str
    target: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    answer: Any = None

    @property
    def name(self) -> str:
        """What tells the case from all others."""
        headers = "".join(f" {name}: {value}" for name, value in self.headers.items() if {name: value} != JSON)
        body = f" {self.body.decode('utf-8', 'backslashreplace')}" if self.body is not None else ""
        answer = "" if self.answer is None else f" -> {type(self.answer).__name__} {self.answer}"
        return f"{self.kind}: {self.verb} {self.target}{headers}{body}{answer}"


def with_json(kind: str, verb: str, target: str, text: str, answer: Any = None) -> Case:
    """A case whose body is a JSON text, or is meant to be one."""
    return Case(kind, verb, target, text.encode("utf-8", "surrogatepass"), JSON, answer)
