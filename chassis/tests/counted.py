"""What a test makes a series count."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import REGISTRY


def value(name: str, **labels: str) -> float:
    """A series' value now; 0 when it is not there yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


@contextmanager
def counts(by: float, name: str, **labels: str) -> Iterator[None]:
    """The block changes a series by so much."""
    before = value(name, **labels)
    yield
    assert value(name, **labels) - before == pytest.approx(by, abs=1e-6), f"{name}{labels} should change by {by}"
