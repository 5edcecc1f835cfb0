"""What is wrong with a request, said in part when it is much."""

from chassis.violations import Violations

VIOLATIONS_MAX = 100


class BoundedViolations(Violations):
    """Violations, of which no more than ``VIOLATIONS_MAX`` are kept: a body can have thousands."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def add(self, field: str, description: str) -> None:
        """See :class:`Violations`."""
        self.count += 1
        if self.count <= VIOLATIONS_MAX:
            super().add(field, description)
