"""Pages and their tokens."""

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
