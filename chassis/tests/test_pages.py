"""Pages and their tokens."""

from base64 import urlsafe_b64encode

import pytest

from chassis.errors import InvalidArgument
from chassis.pages import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, next_token, read_page
from chassis.violations import Violations


@pytest.mark.parametrize(
    ("asked", "given"), [(0, PAGE_SIZE_DEFAULT), (1, 1), (PAGE_SIZE_MAX, PAGE_SIZE_MAX), (10**9, PAGE_SIZE_MAX)]
)
def test_a_page_size_has_a_default_and_a_limit(asked: int, given: int) -> None:
    assert read_page(asked, "", (str,), Violations()).size == given


def test_a_token_leads_back_to_its_key() -> None:
    token = next_token(1_751_371_200_000, "o-1")

    assert read_page(0, token, (int, str), Violations()).after == (1_751_371_200_000, "o-1")


@pytest.mark.parametrize("token", ["?", "AAAA", next_token("a"), next_token("a", 1), next_token(-1, "a"), "W" * 9_999])
def test_a_token_of_another_shape_is_refused(token: str) -> None:
    violations = Violations()

    read_page(0, token, (int, str), violations)

    with pytest.raises(InvalidArgument):
        violations.check()


@pytest.mark.parametrize("spelled", ['"\\ud800"', '"o-\\udfff1"'])
def test_a_token_with_half_a_surrogate_pair_is_refused(spelled: str) -> None:
    """JSON decodes it, and the database's driver fails on it."""
    violations = Violations()

    read_page(0, urlsafe_b64encode(f"[{spelled}]".encode()).decode(), (str,), violations)

    with pytest.raises(InvalidArgument, match="page_token was not given by this method"):
        violations.check()
