"""``python -m tests.faults.report``: the table of docs/RELIABILITY.md from the results of the last long run."""

import sys
from pathlib import Path

from tests.faults.__main__ import RESULTS
from tests.faults.rig.results import Result, read_results
from tests.faults.rig.verdict import P99
from tests.faults.scenarios import SCENARIOS

DOCUMENT = Path(__file__).parents[2] / "docs" / "RELIABILITY.md"
BEGIN, END = "<!-- results -->\n", "<!-- end of results -->\n"
DETAILS_LEFT_OUT = frozenset({P99})


def main() -> int:
    """Write the table; returns the exit code."""
    results = read_results(RESULTS)
    if not results:
        sys.stderr.write("there are no results of a long run: make test-faults\n")
        return 1
    text = DOCUMENT.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text(f"{head}{BEGIN}{table(results)}{END}{tail}")
    return 0


def table(results: list[Result]) -> str:
    """One row a scenario, its shards added up; then the versions, and what has not been run."""
    by_name = {
        scenario.name: [result for result in results if result.scenario == scenario.name] for scenario in SCENARIOS
    }
    lines = ["| promise | run | findings | seen | when |", "|---|---|---|---|---|"]
    lines += [_row(shards) for shards in by_name.values() if shards]
    convergence = max(_number(result, P99) for result in results)
    missing = [name for name, shards in by_name.items() if not shards]
    lines += [
        "",
        f"Convergence after the last fault, the slowest scenario: p99 {convergence:.1f} s.",
        f"{sum(result.seconds for result in results) / 60:.0f} minutes on two cores.",
        *_versions(results),
        *([f"Not run at this length yet: {', '.join(missing)}."] if missing else []),
        "",
    ]
    return "\n".join(lines)


def _versions(results: list[Result]) -> list[str]:
    """What ran, a line for each day on which it was something else than the day before."""
    by_date = {result.date: dict(result.versions) for result in sorted(results, key=lambda result: result.date)}
    told: dict[str, str] = {}
    lines = []
    for date, versions in by_date.items():
        if versions != told:
            lines.append(f"Versions on {date}: " + ", ".join(f"{name} {it}" for name, it in versions.items()) + ".")
            told = versions
    return lines


def _row(shards: list[Result]) -> str:
    size, findings = sum(shard.size for shard in shards), sum(len(shard.findings) for shard in shards)
    seen = "<br>".join(map(_seen, shards))
    when = "<br>".join(f"{shard.date}, commit {shard.commit}, seed {shard.seed}, {shard.shard}" for shard in shards)
    return f"| {shards[0].promise} | {size:,} {shards[0].unit} | {findings} | {seen} | {when} |"


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


if __name__ == "__main__":
    sys.exit(main())
