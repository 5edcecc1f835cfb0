"""Crash points: where a test can have a process killed, right before and right after what it does to others.

Whatever a process changes outside of itself is behind a port. Each method of a port that changes something (an
effect) has two points: ``orders.store.insert:before``, and ``orders.store.insert:after``, when it has happened
and its caller does not know it yet. Nothing is armed by default, and then :func:`around` answers the very
adapter that it was given, so a point costs nothing.

A test arms a process by ``CRASH_POINTS_FILE``, the path of a file with one point a line. At its start the
process takes the first line out of the file. Reaching that point it writes it to ``<file>.reached`` and kills
itself; started again, it takes the next line. So a supervisor that starts what died leads one process
through all points of a list. ``orders.store.insert:after 3`` means the third time. Each process has a file of
its own.
"""

import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from chassis.config import ConfigError

KEY = "CRASH_POINTS_FILE"

_log = logging.getLogger(__name__)

T = TypeVar("T")

Reach = Callable[[str], None]
"""Called with a point's name when it is reached."""


@dataclass(frozen=True)
class Port:
    """A port by its protocol: the methods that change something outside, and those that only look.

    ``name`` is ``<service>.<port>``.
    """

    name: str
    protocol: type
    effects: tuple[str, ...]
    reads: tuple[str, ...] = ()

    @property
    def points(self) -> list[str]:
        """The names of all points of this port."""
        return [f"{self.name}.{effect}:{side}" for effect in self.effects for side in ("before", "after")]


class Watched:
    """An adapter whose effects call ``reach`` right before they begin and right after they happened.

    An effect that raises has no second call: whether it happened is not known.
    """

    def __init__(self, adapter: object, port: Port, reach: Reach) -> None:
        self._adapter = adapter
        for effect in port.effects:
            setattr(self, effect, _between(f"{port.name}.{effect}", getattr(adapter, effect), reach))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)


@dataclass
class Armed:
    """The one point at which a process dies, and how often it is reached until then."""

    point: str
    times: int
    file: Path

    def reach(self, point: str) -> None:
        """Note it and die, if this is the point and the time."""
        if point != self.point:
            return
        self.times -= 1
        if self.times == 0:
            self._note()
            os.kill(os.getpid(), signal.SIGKILL)

    def _note(self) -> None:
        with reached_file(self.file).open("a") as reached:
            reached.write(f"{self.point}\n")
            reached.flush()
            os.fsync(reached.fileno())


class _Process:
    """What is armed in this process."""

    armed: Armed | None = None


def arm(environment: Mapping[str, str]) -> None:
    """Arm this process with the next point that it is told to die at, if there is one.

    :raises ConfigError: when that is no point.
    """
    path = environment.get(KEY)
    _Process.armed = _take_next(Path(path)) if path else None
    if _Process.armed is not None:
        _log.warning("this process will kill itself at %s", _Process.armed.point)


def around(adapter: T, port: Port) -> T:
    """The adapter with its crash points; the adapter itself when nothing is armed."""
    if _Process.armed is None:
        return adapter
    return cast(T, Watched(adapter, port, _Process.armed.reach))


def reached_file(file: Path) -> Path:
    """Where the points are written that were reached."""
    return file.with_name(f"{file.name}.reached")


def _take_next(file: Path) -> Armed | None:
    try:
        lines = [line for line in file.read_text().splitlines() if line.strip()]
    except FileNotFoundError:
        return None
    if not lines:
        return None
    armed = _armed(lines[0], file)
    rest = file.with_name(f"{file.name}.rest")
    rest.write_text("".join(f"{line}\n" for line in lines[1:]))
    rest.replace(file)
    return armed


def _armed(line: str, file: Path) -> Armed:
    point, *times = line.split()
    if not point.endswith((":before", ":after")) or len(times) > 1 or not all(map(_is_a_count, times)):
        raise ConfigError(f"{KEY} has a line that is no crash point: {line!r}")
    return Armed(point, int(times[0]) if times else 1, file)


def _is_a_count(text: str) -> bool:
    return text.isdecimal() and int(text) > 0


def _between(name: str, effect: Callable[..., Awaitable[Any]], reach: Reach) -> Callable[..., Awaitable[Any]]:
    async def watched(*arguments: Any, **options: Any) -> Any:
        reach(f"{name}:before")
        answer = await effect(*arguments, **options)
        reach(f"{name}:after")
        return answer

    return watched
