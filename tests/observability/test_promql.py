"""Expressions are read as Prometheus reads them, as far as our rules go."""

import pytest

from tests.observability.promql import grouping, selectors


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("max(a) > 60", {("a", frozenset())}),
        ('sum by (x) (rate(a_total{y=~"p|q",z!="in } brackets"}[5m]))', {("a_total", frozenset({"y", "z"}))}),
        ("a:b:rate5m / on (x) group_left (y) c", {("a:b:rate5m", frozenset()), ("c", frozenset())}),
        ("time() - (a > 0)", {("a", frozenset())}),
        ("a * 1e3 and a == 0.5", {("a", frozenset())}),
    ],
)
def test_the_series_and_their_labels_are_found(expression: str, found: set[tuple[str, frozenset[str]]]) -> None:
    assert set(selectors(expression)) == found


def test_what_series_are_grouped_and_matched_by_is_found() -> None:
    assert grouping("sum by (a, b) (x) * on (c) group_left (d) y") == {"a", "b", "c", "d"}
