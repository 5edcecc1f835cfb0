"""Crash points: nothing at all unless armed, and then one death at one place."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from chassis import crash_points
from chassis.config import ConfigError
from chassis.crash_points import KEY, Port, Watched, around, reached_file


class Shelf(Protocol):
    async def put(self, book: str) -> str: ...

    async def count(self) -> int: ...


class MemoryShelf:
    def __init__(self) -> None:
        self.books: list[str] = []

    async def put(self, book: str) -> str:
        if not book:
            raise LookupError
        self.books.append(book)
        return book.upper()

    async def count(self) -> int:
        return len(self.books)


PORT = Port("library.shelf", Shelf, effects=("put",), reads=("count",))

LIBRARY = """
from pathlib import Path
from chassis.crash_points import around
from chassis.process import run
from chassis.tests.test_crash_points import PORT

class FileShelf:
    async def put(self, book):
        with Path("books").open("a") as books:
            books.write(book + "\\n")

    async def count(self):
        return len(Path("books").read_text().split())

async def main():
    shelf = around(FileShelf(), PORT)
    for book in ("Emma", "Ulysses", "Dracula"):
        await shelf.put(book)

run(main)
"""
"""A process that puts three books on a shelf that outlives it."""


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    crash_points.arm({})


def test_around_answers_the_adapter_itself_when_nothing_is_armed() -> None:
    shelf = MemoryShelf()

    assert around(shelf, PORT) is shelf


@pytest.mark.parametrize("text", [None, "", "\n \n"])
def test_a_missing_or_empty_file_arms_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "points").write_text(text)
    shelf = MemoryShelf()

    crash_points.arm({KEY: str(tmp_path / "points")})

    assert around(shelf, PORT) is shelf


@pytest.mark.parametrize("line", ["library.shelf.put", "a:before 0", "a:before x", "a:after 1 2"])
def test_a_line_that_is_no_point_stops_the_start(tmp_path: Path, line: str) -> None:
    (tmp_path / "points").write_text(line)

    with pytest.raises(ConfigError, match=KEY):
        crash_points.arm({KEY: str(tmp_path / "points")})


def test_each_effect_has_a_point_on_both_sides_and_a_read_has_none() -> None:
    assert PORT.points == ["library.shelf.put:before", "library.shelf.put:after"]


async def test_an_effect_is_between_its_points_and_does_what_it_did() -> None:
    shelf = MemoryShelf()
    reached: list[tuple[str, int]] = []
    watched = Watched(shelf, PORT, lambda point: reached.append((point, len(shelf.books))))

    answer = await watched.put("Emma")

    assert answer == "EMMA"
    assert await watched.count() == 1
    assert reached == [("library.shelf.put:before", 0), ("library.shelf.put:after", 1)]


async def test_an_effect_that_raises_reaches_no_second_point() -> None:
    reached: list[str] = []
    watched = Watched(MemoryShelf(), PORT, reached.append)

    with pytest.raises(LookupError):
        await watched.put("")

    assert reached == ["library.shelf.put:before"]


def start_library(directory: Path) -> int:
    """Run the library until it ends; its exit code, minus the signal that killed it."""
    environment = {**os.environ, KEY: str(directory / "points"), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", LIBRARY]
    return subprocess.run(command, cwd=directory, env=environment, check=False, capture_output=True).returncode  # noqa: S603 - our own


async def test_a_process_dies_at_each_point_of_its_list_and_then_at_none(tmp_path: Path) -> None:
    file, books = tmp_path / "points", tmp_path / "books"
    books.touch()
    file.write_text("library.shelf.put:before\nlibrary.shelf.put:after 2\n")

    deaths = []
    for _ in range(3):
        code = await asyncio.to_thread(start_library, tmp_path)
        deaths.append((code, books.read_text().split()))
        books.write_text("")

    assert deaths == [
        (-signal.SIGKILL, []),
        (-signal.SIGKILL, ["Emma", "Ulysses"]),
        (0, ["Emma", "Ulysses", "Dracula"]),
    ]
    assert file.read_text() == ""
    assert reached_file(file).read_text().split() == ["library.shelf.put:before", "library.shelf.put:after"]


async def test_a_point_that_is_not_reached_kills_nothing(tmp_path: Path) -> None:
    (tmp_path / "points").write_text("library.shelf.put:after 4\n")

    assert await asyncio.to_thread(start_library, tmp_path) == 0
    assert not reached_file(tmp_path / "points").exists()
