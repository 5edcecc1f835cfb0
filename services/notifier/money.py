"""Money, exact, and how people read it."""

from dataclasses import dataclass

EXPONENT_DEFAULT = 2
EXPONENTS = {
    "BHD": 3,
    "BIF": 0,
    "CLF": 4,
    "CLP": 0,
    "DJF": 0,
    "GNF": 0,
    "IQD": 3,
    "ISK": 0,
    "JOD": 3,
    "JPY": 0,
    "KMF": 0,
    "KRW": 0,
    "KWD": 3,
    "LYD": 3,
    "OMR": 3,
    "PYG": 0,
    "RWF": 0,
    "TND": 3,
    "UGX": 0,
    "UYI": 0,
    "UYW": 4,
    "VND": 0,
    "VUV": 0,
    "XAF": 0,
    "XOF": 0,
    "XPF": 0,
}
"""ISO 4217's minor unit of each currency where it is not ``EXPONENT_DEFAULT``."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in its currency's smallest unit."""

    currency_code: str
    minor_units: int

    def __str__(self) -> str:
        """``1,234.50 EUR``: digits only, no floating point."""
        exponent = EXPONENTS.get(self.currency_code, EXPONENT_DEFAULT)
        whole, rest = divmod(abs(self.minor_units), 10**exponent)
        sign = "-" if self.minor_units < 0 else ""
        fraction = f".{rest:0{exponent}}" if exponent else ""
        return f"{sign}{whole:,}{fraction} {self.currency_code}"
