"""Collecting everything that is wrong with a request, to say it all at once."""

from chassis.errors import InvalidArgument, Violation


class Violations:
    """Collects violations; :meth:`check` raises them together."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def add(self, field: str, description: str) -> None:
        """Note what is wrong with ``field`` (a path like ``items[2].quantity``)."""
        self._found.append(Violation(field, description))

    def require(self, condition: bool, field: str, description: str) -> bool:
        """Note ``description`` unless ``condition`` holds; returns the condition."""
        if not condition:
            self.add(field, description)
        return condition

    def check(self) -> None:
        """Raise :class:`InvalidArgument` with everything that was noted, if anything was."""
        if self._found:
            raise InvalidArgument(self._found)
