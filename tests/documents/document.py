"""A Markdown document, as far as what it names is concerned."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_FENCE = re.compile(r"^(`{3,}|~{3,})([a-z]*)\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """``path`` is where links in ``text`` begin."""

    path: Path
    text: str

    @cached_property
    def prose(self) -> str:
        """The text without its blocks of code."""
        return _FENCE.sub("", self.text)

    @cached_property
    def spans(self) -> list[str]:
        """What stands in the prose as code."""
        return [" ".join(span.split()) for span in _SPAN.findall(self.prose)]

    @cached_property
    def blocks(self) -> list[str]:
        """Blocks of code: commands, and what they print."""
        return [text for _, _, text in _FENCE.findall(self.text)]

    @cached_property
    def links(self) -> list[str]:
        """Where links lead."""
        return _LINK.findall(_SPAN.sub("", self.prose))

    @cached_property
    def headings(self) -> list[str]:
        """Its headings, as they are written."""
        return _HEADING.findall(self.prose)

    @cached_property
    def anchors(self) -> set[str]:
        """What a link may name behind ``#``: headings, as GitHub writes them."""
        return set(self._slugs())

    def _slugs(self) -> Iterator[str]:
        seen: dict[str, int] = {}
        for heading in self.headings:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
            slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            number = seen.get(slug, 0)
            seen[slug] = number + 1
            yield f"{slug}-{number}" if number else slug


def read(path: Path) -> Document:
    """The document in a file."""
    return Document(path, path.read_text())
