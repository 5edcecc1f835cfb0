"""What the terminal shows."""

import io
from pathlib import Path

from deploy.local.console import Console, LogFollower
from deploy.local.state import StateDirectory


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_says_who_speaks() -> None:
    shown = io.StringIO()

    Console(shown, width=7).line("orders", "serving")

    assert shown.getvalue() == "orders  | serving\n"


def test_only_a_terminal_gets_colours() -> None:
    shown = Terminal()

    Console(shown, width=7).line("orders", "serving")

    assert shown.getvalue() == "\033[36morders  |\033[0m serving\n"


def test_log_lines_are_shown_once_and_whole(tmp_path: Path) -> None:
    shown = io.StringIO()
    state = StateDirectory(tmp_path)
    follower = LogFollower(Console(shown, width=6), state, quiet=("mongod",))
    log = state.log_file("orders")

    log.write_text("one\ntw")
    state.log_file("mongod").write_text("noise\n")
    follower.show_new()
    log.write_text("one\ntwo\n")
    follower.show_new()

    assert shown.getvalue() == "orders | one\norders | two\n"
