"""``make clean``: forget what the local stack kept. It needs nothing but Python."""

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.state import StateDirectory

STATE = Path(".local")
DEMO_STATE = STATE / "demo"


def clean(places: tuple[Path, ...] = (STATE, DEMO_STATE)) -> None:
    """Remove the state directories.

    :raises StackError: when a stack runs in one of them.
    """
    with ExitStack() as locks:
        for place in places:
            if place.exists():
                locks.enter_context(StateDirectory(place).locked())
        for place in places:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    try:
        clean()
    except StackError as problem:
        sys.exit(f"ordermesh: {problem}")
