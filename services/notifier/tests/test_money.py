"""Amounts as people read them."""

import pytest

from services.notifier.money import Money


@pytest.mark.parametrize(
    ("currency", "minor_units", "text"),
    [
        ("EUR", 1999, "19.99 EUR"),
        ("EUR", 5, "0.05 EUR"),
        ("EUR", 0, "0.00 EUR"),
        ("USD", 123_456_789, "1,234,567.89 USD"),
        ("JPY", 1999, "1,999 JPY"),
        ("BHD", 1999, "1.999 BHD"),
        ("CLF", 12345, "1.2345 CLF"),
        ("EUR", -1, "-0.01 EUR"),
        ("EUR", 2**53 + 1, "90,071,992,547,409.93 EUR"),
        ("XXX", 100, "1.00 XXX"),
    ],
)
def test_an_amount_is_exact_with_the_digits_of_its_currency(currency: str, minor_units: int, text: str) -> None:
    assert str(Money(currency, minor_units)) == text
