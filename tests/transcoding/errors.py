"""Errors as each side tells them, brought into one form."""

import math
from typing import Any

import grpc

from gateway.problems import STATUS_BY_CODE
from tests.transcoding.comparison import Result, Seen

_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}
_IN_JSON = {"items[0].unit_price": "items[0].unitPrice"}
"""Fields of violations that cases have, and how JSON spells them."""


def is_same_error(result: Result) -> bool:
    """Whether both tell the same of an error with details that a service answered."""
    if result.case.answer is None or not result.case.answer.details or result.ours.call != result.envoys.call:
        return False
    return _told_by_us(result.ours) == _told_by_envoy(result.envoys)


def is_without_details(result: Result) -> bool:
    """Whether the code alone is told, of an error without details."""
    answer, ours, envoys = result.case.answer, result.ours, result.envoys
    if answer is None or answer.details or ours.call != envoys.call:
        return False
    code = _NAMES[answer.code]
    return bool(
        (ours.value["code"], ours.value["reason"], ours.status) == (code, code, STATUS_BY_CODE[code])
        and answer.message not in ours.value["detail"]
        and envoys.value == {"code": answer.code, "message": answer.message, "details": []}
    )


def _told_by_us(seen: Seen) -> dict[str, Any]:
    told = {name: seen.value[name] for name in ("code", "detail", "reason", "metadata", "violations")}
    return told | {"retry_after": seen.headers.get("retry-after")}


def _told_by_envoy(seen: Seen) -> dict[str, Any]:
    details = {detail["@type"].rpartition(".")[2]: detail for detail in seen.value["details"]}
    delay = float(details.get("RetryInfo", {}).get("retryDelay", "1s").rstrip("s"))
    return {
        "code": _NAMES[seen.value["code"]],
        "detail": seen.value["message"],
        "reason": details["ErrorInfo"]["reason"],
        "metadata": details["ErrorInfo"].get("metadata", {}),
        "violations": [
            {"field": _IN_JSON[violation["field"]], "description": violation["description"]}
            for violation in details.get("BadRequest", {}).get("fieldViolations", ())
        ],
        "retry_after": str(math.ceil(delay)) if seen.status in {429, 503} else None,
    }
