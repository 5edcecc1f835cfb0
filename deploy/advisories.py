"""``python -m deploy.advisories``: what is publicly known against the packages in ``requirements.lock``.

Asks OSV (https://google.github.io/osv.dev/post-v1-querybatch/). An advisory is a failure. No answer is none, and is
said in one line: whoever reaches nothing but a package index must be able to run this, and without much waiting.
"""

import http.client
import json
import re
import sys
import threading
import tomllib
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
OSV_URL = "https://api.osv.dev"

SECONDS_MAX = 5.0
"""For everything together, finding the address and following pages included."""

QUERIES_MAX = 1_000
"""In one request; OSV takes no more."""

REQUESTS_MAX = 20

_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
_NOT_A_PACKAGE = re.compile(r"\s*(#|--hash=|$)")


@dataclass(frozen=True, slots=True)
class Package:
    """A package in the one version that is locked."""

    name: str
    version: str


class NoAnswer(Exception):
    """OSV does not answer, or somebody else does. The message says why."""


class LockUnreadable(Exception):
    """A line of the lock names no package in one version, so nobody would ask about it."""


Ask = Callable[[Any], Any]
"""Sends OSV a query for many packages, and returns what it answers."""


def read_lock(text: str) -> list[Package]:
    """The packages of a lock, whatever platform they are for.

    :raises LockUnreadable: naming the line that is none.
    """
    packages = []
    for line in text.splitlines():
        if _NOT_A_PACKAGE.match(line):
            continue
        match = _PINNED.match(line)
        if match is None:
            raise LockUnreadable(line)
        packages.append(Package(match[1], match[2]))
    return packages


def known_advisories(packages: Sequence[Package], ask: Ask) -> dict[Package, list[str]]:
    """The ids of the advisories for each package that has any.

    :raises NoAnswer: when ``ask`` has none, or one that is not OSV's.
    """
    found: dict[Package, list[str]] = {}
    queries = [(package, "") for package in packages]
    for _ in range(REQUESTS_MAX):
        batch, queries = queries[:QUERIES_MAX], queries[QUERIES_MAX:]
        for (package, _), (ids, next_page) in zip(batch, _asked(batch, ask), strict=True):
            if ids:
                found.setdefault(package, []).extend(ids)
            if next_page:
                queries.append((package, next_page))
        if not queries:
            return found
    raise NoAnswer(f"its answer has more than {REQUESTS_MAX} pages")


def _asked(batch: Sequence[tuple[Package, str]], ask: Ask) -> list[tuple[list[str], str]]:
    answer = ask({"queries": [_query(package, page) for package, page in batch]})
    try:
        results = [
            ([str(found["id"]) for found in result.get("vulns", ())], str(result.get("next_page_token", "")))
            for result in answer["results"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise NoAnswer("this is not OSV's answer") from error
    if len(results) != len(batch):
        raise NoAnswer(f"it answers {len(results)} of {len(batch)} queries")
    return results


def _query(package: Package, page: str) -> dict[str, Any]:
    query: dict[str, Any] = {
        "package": {"ecosystem": "PyPI", "name": package.name},
        "version": package.version,
    }
    return query | ({"page_token": page} if page else {})


def osv(url: str) -> Ask:
    """OSV at ``url``, through the proxy that the environment names, if it names one."""

    def ask(query: Any) -> Any:
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{url}/v1/querybatch", json.dumps(query).encode(), headers)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=SECONDS_MAX) as answer:  # nosec B310 # noqa: S310 - see main
                return json.load(answer)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(str(error) or type(error).__name__) from error
        except ValueError as error:
            raise NoAnswer("this is not OSV's answer") from error

    return ask


def within(seconds: float, work: Callable[[], dict[Package, list[str]]]) -> dict[Package, list[str]]:
    """What ``work`` returns, if that does not take longer. A thread can be left behind; a name server's silence cannot.

    :raises NoAnswer: when it does, or what ``work`` raises.
    """
    outcome: list[dict[Package, list[str]] | Exception] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise NoAnswer(f"no answer within {seconds:g} seconds")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def check(lock: Path, accepted: Mapping[str, str], url: str = OSV_URL, seconds: float = SECONDS_MAX) -> int:
    """Say what is known against a lock; the exit code, 1 when there is something that is not accepted."""
    packages = read_lock(lock.read_text())
    try:
        found = within(seconds, lambda: known_advisories(packages, osv(url)))
    except NoAnswer as error:
        _say(f"advisories: not checked, {url} does not answer: {error}")
        return 0
    news = [(package, advisory) for package in found for advisory in found[package] if advisory not in accepted]
    for package, advisory in news:
        _say(f"{lock.name}: {package.name} {package.version}: {advisory}, see https://osv.dev/vulnerability/{advisory}")
    for advisory in accepted.keys() - {advisory for ids in found.values() for advisory in ids}:
        _say(f"advisories: {advisory} is accepted in pyproject.toml and not known of any locked package: remove it")
    return 1 if news else 0


def main() -> int:
    """Check our own lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    try:
        return check(ROOT / "requirements.lock", project["tool"]["ordermesh"]["advisories"])
    except LockUnreadable as error:
        _say(f"requirements.lock: cannot be read: {error}")
        return 2


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
