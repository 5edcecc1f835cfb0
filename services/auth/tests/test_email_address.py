"""One mailbox is one account."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.auth.email_address import NotAnAddress, normalise


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.Lovelace@Example.COM", "ada.lovelace@example.com"),
        ("ada+orders@example.com", "ada+orders@example.com"),
        ("ada@shop.test", "ada@shop.test"),
        ("ada@shop.local", "ada@shop.local"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ],
)
def test_an_address_has_one_form(written: str, normalised: str) -> None:
    assert normalise(written) == normalised


def what_is_said_of(text: str) -> str:
    try:
        normalise(text)
    except NotAnAddress as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "ada@localhost",
        "ada@@example.com",
        "ada lovelace@example.com",
        "ada@example.com\n",
        "ada@example.com\r\nBcc: all@example.com",
        "ada\x00@example.com",
        "Ada <ada@example.com>",
        "ädä@example.com",
        "a@" + ".".join(["b" * 60] * 5) + ".com",
        "a" * 200_000,
    ],
)
def test_what_is_not_an_address_is_refused(text: str) -> None:
    with pytest.raises(NotAnAddress):
        normalise(text)


@given(st.text(max_size=20), st.text(max_size=20), st.sampled_from(["hunter2", "h\u00fcnter2", "h\u0661nter2"]))
@example("a@\u0661", "\u06f1.com", "hunter2")
@example("a@", ".com", "h\u00fcnter\u0661")
@example("", "@example.com", "h\u00fcnter2")
@example("a@", "\u200d.com", "hunter2")
def test_what_is_said_repeats_nothing_of_the_text(before: str, after: str, password: str) -> None:
    said = what_is_said_of(before + password + after)

    assert password not in said


def test_what_is_said_still_helps() -> None:
    with pytest.raises(NotAnAddress, match=r"^is not an e-mail address: An email address must have an @-sign\.$"):
        normalise("ada")
