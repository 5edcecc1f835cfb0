import pytest

from gateway.template import TemplateError, Variable, parse_template


def test_a_template_is_its_segments() -> None:
    template = parse_template("/api/orders/{order.order_id}/cancel")

    assert template.segments == ("api", "orders", Variable("order.order_id"), "cancel")
    assert template.variables == ("order.order_id",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("api/orders", "begin with /"),
        ("/api/*", "wildcards"),
        ("/api/**", "wildcards"),
        ("/api/{name=orders/*}", "whole segments"),
        ("/api/{name=**}", "whole segments"),
        ("/api/{name=*}", "whole segments"),
        ("/api/orders:batch", "custom verbs"),
        ("/api/{order_id}:cancel", "whole segments"),
        ("/api/order-{order_id}", "whole segments"),
        ("/api//orders", "empty segments"),
        ("/api/orders/", "empty segments"),
        ("/api/{a}/{a}", "named twice"),
        ("/api/ä", "not supported"),
    ],
)
def test_other_forms_are_refused(text: str, why: str) -> None:
    with pytest.raises(TemplateError, match=why):
        parse_template(text)
