"""What a new password must be."""

import tomllib
import unicodedata
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path

import pytest

from services.auth.new_password import COMMON_PASSWORDS, PASSWORD_LENGTH_MIN, fault_of

COMMON = files("services.auth").joinpath("common_passwords.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("password", ["correct horse", "\u2603" * 8, "x7 Lq" * 200, "common password", "iloveyou, Ada"])
def test_a_password_that_nobody_guesses_will_do(password: str) -> None:
    assert fault_of(password) is None


@pytest.mark.parametrize("password", ["", "\u2603" * 7, "x" * 1025, "password" * 129])
def test_a_password_has_8_to_1024_characters(password: str) -> None:
    assert fault_of(password) == "must have 8 to 1024 characters"


@pytest.mark.parametrize("password", ["e\u0301" * 4, "\ufdfa" * 300])
def test_it_has_them_when_it_is_normalised_too(password: str) -> None:
    assert fault_of(password) == "must have 8 to 1024 characters in Unicode's form NFKC"


@pytest.mark.parametrize(
    "password",
    ["password", "PassWord", "12345678", "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44", COMMON[0], COMMON[-1]],
)
def test_a_common_password_is_refused_however_it_is_written(password: str) -> None:
    assert fault_of(password) == "must not be one of the 3,000 most common passwords"


def test_the_list_has_what_it_says_and_nothing_that_is_refused_anyway() -> None:
    assert len(COMMON) == len(set(COMMON)) == COMMON_PASSWORDS
    assert [line for line in COMMON if len(line) < PASSWORD_LENGTH_MIN] == []
    assert [line for line in COMMON if unicodedata.normalize("NFKC", line).casefold() != line] == []


def test_the_list_goes_along_with_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["*"]

    assert any(fnmatch("common_passwords.txt", pattern) for pattern in patterns)
