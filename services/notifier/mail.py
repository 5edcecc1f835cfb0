"""What a customer reads: one mail for each kind of notification."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.notifier.notification import Kind
from services.notifier.order import Order

ORDER_NUMBER_LENGTH = 8
"""How much of an order's id people are shown."""

SUBJECTS = {
    Kind.PROCESSED: "Your order {number} is on its way",
    Kind.FAILED: "Your order {number} could not be fulfilled",
    Kind.CANCELLED: "Your order {number} was cancelled",
}


@dataclass(frozen=True, slots=True)
class Mail:
    """A subject of one line, and the same words as HTML and as plain text."""

    subject: str
    html: str
    text: str


def one_line(text: str) -> str:
    """Foreign text as one line of printable characters: it can neither break a header nor fake a paragraph."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    auto_reload=False,
)
_TEMPLATES.filters["one_line"] = one_line


def render(order: Order) -> Mail:
    """The mail that tells how ``order`` ended."""
    number = one_line(order.order_id[:ORDER_NUMBER_LENGTH])
    subject = SUBJECTS[order.outcome].format(number=number)
    words = {"order": order, "number": number, "subject": subject}
    return Mail(
        subject=subject,
        html=_TEMPLATES.get_template(f"{order.outcome}.html").render(words),
        text=_TEMPLATES.get_template(f"{order.outcome}.txt").render(words),
    )
