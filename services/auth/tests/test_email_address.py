"""One mailbox is one account."""

import pytest

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
