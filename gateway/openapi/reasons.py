"""The errors that the comment of an rpc names: ``Errors: CODE `REASON` when ...; CODE `REASON` ...``."""

import re
from dataclasses import dataclass

from chassis.contract import ContractError
from gateway.problems import STATUS_BY_CODE, STATUS_BY_REASON

_BEGIN = re.compile(r"\bErrors:\s*")
_END = re.compile(r"(?:^|(?<=[.\s]))(?:Not idempotent|Idempotent)\b")
_ENTRY = re.compile(r"([A-Z_]+)\b,?(.*)", re.DOTALL)
_REASON = re.compile(r"`([A-Z][A-Z0-9_]+)`")
_JOINTS = re.compile(r"[ ,]*\b(?:or|and)\s*$")
_CODE_AND_REASON = re.compile(rf"\b(?:{'|'.join(STATUS_BY_CODE)})\b,?\s+`[A-Z][A-Z0-9_]+`")


class MalformedErrors(ContractError):
    """What a comment says about errors cannot be read. The message names the method."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a call is refused: the code of gRPC, the reason in ErrorInfo, when, in words, and the HTTP status."""

    code: str
    reason: str
    when: str
    status: int


def named_reason(code: str, reason: str, when: str) -> Reason:
    """A reason with the status that the gateway makes of it."""
    return Reason(code, reason, when, STATUS_BY_REASON.get(reason) or STATUS_BY_CODE[code])


def read_reasons(method: str, comment: str) -> tuple[list[Reason], str]:
    """The reasons that a method's comment names, and the comment without them.

    A code without a reason (``UNAVAILABLE when inventory is``) names none.

    :raises MalformedErrors: when something else than codes and their reasons stands there.
    """
    begin = _BEGIN.search(comment)
    clause, rest = "", comment
    if begin:
        end = _END.search(comment, begin.end())
        stop = end.start() if end else len(comment)
        clause, rest = comment[begin.end() : stop], comment[: begin.start()] + comment[stop:]
    if stray := _CODE_AND_REASON.search(rest):
        raise MalformedErrors(f"{method}: `{stray[0]}` does not stand behind `Errors:`")
    return [reason for entry in _entries(clause) for reason in _of_entry(method, entry)], rest.strip()


def _entries(clause: str) -> list[str]:
    return [entry for text in clause.split(";") if (entry := " ".join(text.split()))]


def _of_entry(method: str, entry: str) -> list[Reason]:
    match = _ENTRY.fullmatch(entry)
    if not match or match[1] not in STATUS_BY_CODE:
        raise MalformedErrors(f"{method}: `{entry}` does not begin with a code of gRPC")
    _, *parts = _REASON.split(match[2])
    return [named_reason(match[1], reason, _words(when)) for reason, when in zip(parts[::2], parts[1::2], strict=True)]


def _words(text: str) -> str:
    """What stands between two reasons, without what joins them."""
    return _JOINTS.sub("", text).strip(" ,.")
