"""``python -m tests.faults.report``: the table of docs/RELIABILITY.md from the results of the last long run."""

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from tests.faults.__main__ import STATE
from tests.faults.rig.results import Result, read_results
from tests.faults.scenarios import SCENARIOS

DOCUMENT = Path(__file__).parents[2] / "docs" / "RELIABILITY.md"
BEGIN, END = "<!-- results -->\n", "<!-- end of results -->\n"
DETAILS_LEFT_OUT = frozenset({"safety looks", "safety looks that found no database", "convergence p99 seconds"})


def main() -> int:
    """Write the table; returns the exit code."""
    results = [result for result in read_results(STATE / "results") if result.profile == "long"]
    if not results:
        sys.stderr.write("there are no results of a long run: make test-faults\n")
        return 1
    text = DOCUMENT.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text(f"{head}{BEGIN}{table(results)}{END}{tail}")
    return 0


def table(results: list[Result]) -> str:
    """One row a scenario, its shards added up, and what they ran on."""
    places = {scenario.name: place for place, scenario in enumerate(SCENARIOS)}
    results = sorted(results, key=lambda result: (places[result.scenario], result.shard))
    lines = ["| promise | run | findings | seen |", "|---|---|---|---|"]
    lines += [_row(list(shards)) for _, shards in groupby(results, key=lambda result: result.scenario)]
    last = max(results, key=lambda result: result.date)
    convergence = max(_number(result, "convergence p99 seconds") for result in results)
    about = [
        f"Convergence after the last fault, the slowest scenario: p99 {convergence:.1f} s.",
        (
            f"Dates {_all(result.date for result in results)}; commits {_all(result.commit for result in results)};"
            f" seeds {_all(str(result.seed) for result in results)};"
            f" {sum(result.seconds for result in results) / 60:.0f} minutes on two cores."
        ),
        "Versions: " + ", ".join(f"{name} {version}" for name, version in last.versions.items()) + ".",
    ]
    return "\n".join([*lines, "", *about, ""])


def _row(shards: list[Result]) -> str:
    size, findings = sum(shard.size for shard in shards), sum(len(shard.findings) for shard in shards)
    seen = "<br>".join(_seen(shard) for shard in shards)
    return f"| {shards[0].promise} | {size:,} {shards[0].unit} | {findings} | {seen} |"


def _seen(shard: Result) -> str:
    figures = {name: value for name, value in shard.figures.items() if name not in DETAILS_LEFT_OUT}
    return "; ".join(f"{name}: {_flat(value)}" for name, value in figures.items())


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    return str(value)


def _number(result: Result, name: str) -> float:
    value = result.figures.get(name, 0)
    assert isinstance(value, int | float)
    return value


def _all(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values)))


if __name__ == "__main__":
    sys.exit(main())
