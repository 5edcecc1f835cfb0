"""Names the image in the kustomizations of the overlays: ``newName`` and ``newTag`` of the image ``ordermesh``.

Lines are changed and no others: a file that is read and written as YAML would lose its comments.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

IMAGE = "ordermesh"
"""What the manifests call it."""

_SECTION = re.compile(r"[A-Za-z]")
_ENTRY = re.compile(rf"(?P<indent> *)- name: [\"']?{IMAGE}[\"']? *(#.*)?")
_VERSION = re.compile(r"v?\d+\.\d+\.\d+")
"""YAML reads it as text. It takes 1.10 for a number, and quotes are needed."""

_SET_HERE = re.compile(r" *(newName|newTag|digest):.*")
_NAME = re.compile(r"(?P<name>[a-z0-9][a-zA-Z0-9._:/-]*?):(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127})")


@dataclass(frozen=True)
class ImageName:
    """A repository and a tag; ``str`` puts them together."""

    name: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of ``registry:5000/shop/ordermesh:1.2`` the tag is ``1.2``.

        :raises ValueError: when there is no tag. ``latest`` is none either: nobody knows which build a node has of it.
        """
        match = _NAME.fullmatch(text)
        if match is None or match["tag"] == "latest":
            raise ValueError(f"{text} has no tag of its own: IMAGE=registry/name:tag")
        return cls(match["name"], match["tag"])

    def __str__(self) -> str:
        return f"{self.name}:{self.tag}"


def name_in_overlays(overlays: Path, image: ImageName) -> list[Path]:
    """Let every overlay have ``image``; the files that are other than before.

    :raises ValueError: when an overlay does not name the image exactly once.
    """
    files = sorted(overlays.glob("*/kustomization.yaml"))
    texts = {path: (path.read_text(), with_image(path, path.read_text(), image)) for path in files}
    changed = [path for path, (before, after) in texts.items() if before != after]
    for path in changed:
        path.write_text(texts[path][1])
    return changed


def with_image(path: Path, text: str, image: ImageName) -> str:
    """The kustomization ``text`` of ``path`` with ``image`` in it.

    :raises ValueError: when it does not name the image exactly once.
    """
    lines = text.splitlines()
    section = ""
    entries = []
    for number, line in enumerate(lines):
        section = line if _SECTION.match(line) else section
        if section.startswith("images:") and (match := _ENTRY.fullmatch(line)):
            entries.append((number, match))
    if len(entries) != 1:
        raise ValueError(f"{path} has {len(entries)} entries of images: for {IMAGE}, not one")
    ((first, entry),) = entries
    inner = entry["indent"] + "  "
    end = next((i for i, line in enumerate(lines) if i > first and not line.startswith(inner)), len(lines))
    kept = [line for line in lines[first + 1 : end] if not _SET_HERE.fullmatch(line)]
    tag = image.tag if _VERSION.match(image.tag) else f'"{image.tag}"'
    named = [f"{inner}newName: {image.name}", f"{inner}newTag: {tag}"]
    return "\n".join([*lines[: first + 1], *named, *kept, *lines[end:]]) + "\n"
