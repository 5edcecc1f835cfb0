"""Log lines, and what must not get into them."""

import json
import logging
from collections.abc import Iterator

import pytest

from chassis.logs import configure_logging


@pytest.fixture(autouse=True)
def root_as_before() -> Iterator[None]:
    """Keeps pytest's own handlers out of the test, and brings them back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_says_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")

    logging.getLogger("orders").info("an order of %d lines", 3, extra={"fields": {"sku": "lamp"}})

    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["logger"], line["message"], line["sku"]) == (
        "INFO",
        "orders",
        "an order of 3 lines",
        "lamp",
    )


@pytest.mark.parametrize("line_format", ["json", "text"])
def test_an_exception_comes_with_its_traceback(capsys: pytest.CaptureFixture[str], line_format: str) -> None:
    configure_logging("info", line_format)

    logging.getLogger("orders").error("failed", exc_info=RuntimeError("because"))

    assert "RuntimeError: because" in capsys.readouterr().err
