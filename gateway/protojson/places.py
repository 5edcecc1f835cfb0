"""Where in a document something is wrong."""

NAME_LENGTH_MAX = 100
"""How much of a caller's own field name an error repeats."""

Place = tuple["Place", str | int] | None
"""The place of what is around, and the field's name or the index in it. None is the document itself.

A path is a text that only errors need; this is cheap enough to be made for each object that is read.
"""


def path_of(place: Place) -> str:
    """The place as errors write it: ``items[2].quantity``; the document itself is the ``body``."""
    parts: list[str] = []
    while place is not None:
        place, part = place
        if isinstance(part, int):
            parts.append(f"[{part}]")
        else:
            parts.append(f".{part if len(part) <= NAME_LENGTH_MAX else part[:NAME_LENGTH_MAX] + '...'}")
    return "".join(reversed(parts)).removeprefix(".") or "body"
