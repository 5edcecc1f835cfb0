"""Reading messages."""

import pytest

from services.notifier.errors import MessageUnreadable
from services.notifier.order_event import order_id_of
from services.notifier.queue import Message
from services.notifier.tests.scene import event_body


def message(body: str, **attributes: str) -> Message:
    return Message("m-1", "m-1/1", body, attributes)


def test_an_event_names_its_order() -> None:
    assert order_id_of(message(event_body("o-1"), type="order.created", schema_version="1")) == "o-1"


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert order_id_of(message('{"orderId": "o-1", "colour": "blue", "type": "ARCHIVED"}')) == "o-1"


@pytest.mark.parametrize(
    "body",
    ["", "hello", "[]", "null", "{}", '{"orderId": 7}', '{"orderId": ""}', f'{{"orderId": "{"x" * 129}"}}', "[" * 9999],
)
def test_what_is_no_event_is_refused(body: str) -> None:
    with pytest.raises(MessageUnreadable):
        order_id_of(message(body))


def test_another_schema_is_refused() -> None:
    with pytest.raises(MessageUnreadable):
        order_id_of(message(event_body("o-1"), schema_version="2"))
