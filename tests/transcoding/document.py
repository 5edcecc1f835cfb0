"""``python -m tests.transcoding.document`` writes the list of differences into docs/TRANSCODING.md."""

from pathlib import Path

from tests.transcoding.differences import DIFFERENCES

DOCUMENT = Path(__file__).parents[2] / "docs" / "TRANSCODING.md"
BEGIN = "<!-- differences: written by `python -m tests.transcoding.document` -->"
END = "<!-- end of differences -->"


def with_differences(text: str) -> str:
    """The document with the list as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{_tables()}\n{END}{after}"


def _tables() -> str:
    return "\n".join(
        f"### {heading}\n\n| the gateway | Envoy | why |\n|---|---|---|\n"
        + "".join(f"| {one.ours} | {one.envoys} | {one.reason} |\n" for one in some)
        for heading, some in DIFFERENCES.items()
    )


if __name__ == "__main__":
    DOCUMENT.write_text(with_differences(DOCUMENT.read_text()))
