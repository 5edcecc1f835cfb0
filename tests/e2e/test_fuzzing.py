"""Random requests of every operation, held against the document that the gateway serves."""

from pathlib import Path

from tests.e2e.conftest import Shop
from tests.fuzzing.run import fuzz

CASES_MIN = 500
"""A run makes more: so many come from the document alone, before the random ones."""


async def test_random_requests_are_answered_as_the_document_says(shop: Shop, tmp_path: Path) -> None:
    fuzzed = await fuzz(shop.stack.environment, tmp_path, examples=1, seed=2026)

    assert fuzzed.findings == []
    assert fuzzed.cases >= CASES_MIN
