"""What customers read."""

import pytest

from services.notifier.mail import one_line, render
from services.notifier.money import Money
from services.notifier.notification import Kind
from services.notifier.order import Item
from services.notifier.tests.scene import order


@pytest.mark.parametrize(
    ("outcome", "subject", "words"),
    [
        (Kind.PROCESSED, "Your order ab12cd34 is on its way", "is on its way to you"),
        (Kind.FAILED, "Your order ab12cd34 could not be fulfilled", "we are sorry"),
        (Kind.CANCELLED, "Your order ab12cd34 was cancelled", "was cancelled"),
    ],
)
def test_each_kind_says_how_the_order_ended(outcome: Kind, subject: str, words: str) -> None:
    mail = render(order(outcome=outcome))

    assert mail.subject == subject
    assert words in mail.text
    assert words in mail.html


@pytest.mark.parametrize("outcome", Kind)
def test_every_mail_lists_items_quantities_prices_and_the_total(outcome: Kind) -> None:
    mail = render(order(outcome=outcome))

    assert "- Blue mug\n  3 x 12.50 EUR = 37.50 EUR\n- Tea\n  1 x 0.05 EUR = 0.05 EUR\n" in mail.text
    assert "\nTotal: 37.55 EUR\n" in mail.text
    for shown in ("Blue mug", ">3<", "12.50 EUR", "37.50 EUR", "Tea", "0.05 EUR", "37.55 EUR"):
        assert shown in mail.html


def test_a_failed_order_says_why() -> None:
    mail = render(order(outcome=Kind.FAILED, failure_message="Blue mug is sold out."))

    assert "\nBlue mug is sold out.\n" in mail.text
    assert ">Blue mug is sold out.<" in mail.html


def test_names_are_escaped_in_html_and_plain_in_text() -> None:
    mail = render(order(items=[Item("<script>alert('x')</script> & Co", 1, Money("EUR", 5))]))

    assert "<script>" not in mail.html
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; Co" in mail.html
    assert "- <script>alert('x')</script> & Co\n" in mail.text


def test_foreign_text_cannot_begin_a_line_of_its_own() -> None:
    forged = "Mug\r\n\r\nYour account is locked, visit evil.example\x00\u2028now"

    mail = render(order(items=[Item(forged, 1, Money("EUR", 5))]))

    assert "- Mug Your account is locked, visit evil.example now\n" in mail.text


def test_nothing_foreign_can_add_a_header() -> None:
    mail = render(order(order_id="a\r\nBcc: eve@evil.example"))

    assert mail.subject == "Your order a Bcc: is on its way"


def test_a_mail_needs_nothing_from_elsewhere() -> None:
    html = render(order()).html

    assert "http" not in html
    assert "src=" not in html
    assert "<style" not in html


def test_one_line_keeps_letters_of_every_language() -> None:
    assert one_line("  Žlutý  čaj\t茶\n") == "Žlutý čaj 茶"
