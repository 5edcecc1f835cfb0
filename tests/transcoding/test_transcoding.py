"""The gateway's transcoding, compared with Envoy's, case by case."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from deploy.local.errors import StackError
from deploy.local.state import StateDirectory
from tests.transcoding.comparison import Result, agree
from tests.transcoding.differences import DIFFERENCES, explanation
from tests.transcoding.document import DOCUMENT, with_differences
from tests.transcoding.envoy import find_envoy
from tests.transcoding.rig import compare

CASES_MIN = 300
SHOWN_MAX = 20
LOG_LINES = 30


@pytest.fixture(scope="module")
async def results(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Result]]:
    """What came of every case; the tests below look at it from different sides."""
    binary = find_envoy()
    if binary is None:
        pytest.skip("Envoy is not installed: make tools")
    state = StateDirectory(tmp_path_factory.mktemp("transcoding"))
    try:
        yield await compare(binary, state)
    except StackError:
        print(*state.log_tail("envoy", LOG_LINES), sep="\n")  # noqa: T201 - pytest shows it with the failure
        raise


async def test_every_case_is_equal_or_its_difference_is_listed(
    results: list[Result], capsys: pytest.CaptureFixture[str]
) -> None:
    found = {result.case.name: explanation(result) for result in results if not agree(result)}
    counts = Counter(difference for difference in found.values() if difference)
    with capsys.disabled():
        print(f"\n{len(results)} cases: {len(results) - len(found)} equal, {counts.total()} differ as listed")  # noqa: T201
        for difference, count in counts.most_common():
            print(f"{count:5}  {difference.ours}")  # noqa: T201

    unlisted = [result for result in results if result.case.name in found and not found[result.case.name]]
    assert not unlisted, "\n".join(
        f"{result.case.name[:300]}\n    ours: {result.ours}\n    Envoy's: {result.envoys}"
        for result in unlisted[:SHOWN_MAX]
    )
    assert len(results) >= CASES_MIN


async def test_every_listed_difference_is_there(results: list[Result]) -> None:
    seen = {explanation(result) for result in results if not agree(result)}

    assert [one.ours for some in DIFFERENCES.values() for one in some if one not in seen] == []


def test_the_document_lists_the_differences() -> None:
    text = DOCUMENT.read_text()

    assert text == with_differences(text), "python -m tests.transcoding.document"
