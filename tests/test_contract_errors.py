"""The errors that the contract's comments name are errors that the services have."""

import re
from collections.abc import Iterator
from importlib import import_module

import pytest
from google.protobuf.descriptor import MethodDescriptor

from chassis.errors import CODES, DomainError
from gateway.openapi.comments import Comments
from gateway.openapi.reasons import read_reasons
from tests.contract import METHODS

COMMENTS = Comments.of_the_contract()

MODULES = (
    "chassis.errors",
    "chassis.rate_limits",
    "chassis.tokens",
    "chassis.interceptors.authenticate",
    *(f"services.{name}.errors" for name in ("auth", "inventory", "orders", "notifier")),
)
"""Where errors are."""


def errors_below(error: type[DomainError]) -> Iterator[type[DomainError]]:
    for derived in error.__subclasses__():
        yield derived
        yield from errors_below(derived)


def known() -> dict[str, set[str]]:
    """The reasons of our errors, each with the codes that it comes with."""
    for module in MODULES:
        import_module(module)
    found: dict[str, set[str]] = {}
    for error in errors_below(DomainError):
        if error.__module__ in MODULES:
            code = next(CODES[ancestor] for ancestor in error.__mro__ if ancestor in CODES)
            found.setdefault(error.reason, set()).add(code.name)
    return found


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_a_method_names_errors_that_there_are(method: MethodDescriptor) -> None:
    errors, comment = known(), COMMENTS.of(method)

    reasons, rest = read_reasons(method.full_name, comment)

    assert [reason for reason in reasons if reason.code not in errors.get(reason.reason, ())] == []
    elsewhere = {reason for reason in re.findall(r"`([A-Z_]{3,})`", rest) if reason in errors}
    assert elsewhere <= {reason.reason for reason in reasons}


def test_most_methods_name_errors() -> None:
    silent = {method.name for method in METHODS if not read_reasons(method.name, COMMENTS.of(method))[0]}

    assert silent == {"GetJsonWebKeySet"}
