"""Importing people of another system, over both stores."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from chassis.testing import ManualClock
from services.auth.import_users import BATCH_LINES, Imported, ImportUsers
from services.auth.store import AuthStore
from services.auth.tests import node_hashes as node
from services.auth.tests.scene import Auth
from services.auth.user import Role
from services.auth.user_lines import LINE_BYTES_MAX, read_user_lines

README = Path(__file__).parents[3] / "README.md"

BOB = {"email": "bob@example.com", "name": "Bob", "password_hash": node.BCRYPTJS}


def line(**entry: Any) -> bytes:
    return json.dumps(BOB | entry).encode() + b"\n"


async def imported(store: AuthStore, clock: ManualClock, content: bytes) -> list[Imported]:
    return [part async for part in ImportUsers(store, clock)(BytesIO(content))]


def refusals(clock: ManualClock, content: bytes) -> list[str]:
    return [line.refusal for line in read_user_lines(BytesIO(content), clock.now()) if line.refusal is not None]


async def test_who_is_imported_logs_in_with_the_password_they_had(auth: Auth) -> None:
    content = line(email="Bob@Example.com", name=" Bob \r\n Builder ")

    (part,) = await imported(auth.store, auth.clock, content)

    bob = await auth.store.user_with_email("bob@example.com")
    assert part == Imported(created=1, present=0, refusals=[], size_bytes=len(content))
    assert bob is not None
    assert (bob.name, bob.role, bob.password_hash) == ("Bob Builder", Role.CUSTOMER, node.BCRYPTJS)
    assert bob.create_time == auth.clock.now()
    assert await auth.login("bob@example.com", node.HORSE)


async def test_the_line_in_the_readme_is_imported(auth: Auth) -> None:
    (example,) = [text for text in README.read_text().splitlines() if text.startswith('{"email"')]

    (part,) = await imported(auth.store, auth.clock, example.encode())

    assert (part.created, part.refusals) == (1, [])
    assert await auth.login("grace@example.com", "correct horse battery")


async def test_importing_again_changes_nothing(auth: Auth) -> None:
    await imported(auth.store, auth.clock, line())
    await auth.login("bob@example.com", node.HORSE)
    before = await auth.store.user_with_email("bob@example.com")

    (part,) = await imported(auth.store, auth.clock, line(name="Another") + line(email="ada@example.com"))

    assert (part.created, part.present, part.refusals) == (0, 2, [])
    assert await auth.store.user_with_email("bob@example.com") == before


async def test_of_two_lines_with_one_address_the_first_counts(store: AuthStore, clock: ManualClock) -> None:
    (part,) = await imported(store, clock, line(name="First") + line(email="BOB@example.com", name="Second"))

    bob = await store.user_with_email("bob@example.com")
    assert (part.created, part.present) == (1, 1)
    assert bob is not None
    assert bob.name == "First"


async def test_many_lines_are_imported_a_batch_at_a_time(store: AuthStore, clock: ManualClock) -> None:
    content = b"".join(line(email=f"user-{number}@example.com") for number in range(BATCH_LINES + 1)) + b"no user\n"

    first, second = await imported(store, clock, content)

    assert (first.created, first.refusals) == (BATCH_LINES, [])
    assert (second.created, len(second.refusals)) == (1, 1)
    assert first.size_bytes + second.size_bytes == len(content)


@pytest.mark.parametrize(
    "content",
    [
        line(password_hash=None, hash=node.ARGON2I),
        line(role="admin", _id={"$oid": "6f"}, createdAt=1),
        line(name=None),
        json.dumps({"email": "bob@example.com", "hash": node.BCRYPT}).encode(),
        b"\xef\xbb\xbf" + line(),
        b"\n   \r\n" + line().replace(b"\n", b"\r\n"),
    ],
)
async def test_what_node_systems_export_is_read(store: AuthStore, clock: ManualClock, content: bytes) -> None:
    (part,) = await imported(store, clock, content)

    bob = await store.user_with_email("bob@example.com")
    assert (part.created, part.refusals) == (1, [])
    assert bob is not None
    assert bob.role is Role.CUSTOMER


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"bob@example.com\n", "line 1: is not JSON in UTF-8"),
        (b'{"email": "bob@example.com"', "line 1: is not JSON in UTF-8"),
        (b"[" * 60_000, "line 1: is not JSON in UTF-8"),
        (line().decode().encode("utf-16"), "line 1: is not JSON in UTF-8"),
        (b'["bob@example.com"]\n', "line 1: is not a JSON object"),
        (line(email=7), "line 1: email is not text"),
        (line(name=["Bob"]), "line 1: name is not text"),
        (line(name="\ud83d"), "line 1: name is not text"),
        (line(password_hash={"$binary": "x"}), "line 1: password_hash is not text"),
        (line(email=None), "line 1: email is missing"),
        (line(email="bob"), "line 1: email is not an e-mail address: An email address must have an @-sign."),
        (line(name="B" * 201), "line 1 (bob@example.com): name must have at most 200 characters"),
        (line(password_hash=""), "line 1 (bob@example.com): password_hash is missing"),
        (
            line(password_hash=node.BCRYPTJS.replace("$04$", "$16$")),
            "line 1 (bob@example.com): password_hash is bcrypt of cost 16: 4 to 15 are taken",
        ),
    ],
)
def test_what_is_no_account_is_refused_with_its_line_and_its_reason(
    clock: ManualClock, content: bytes, why: str
) -> None:
    assert refusals(clock, content)[0] == why


def test_everything_that_is_wrong_with_a_line_is_said_at_once_and_no_hash_is_shown(clock: ManualClock) -> None:
    (why,) = refusals(clock, line(email="", name="B" * 201, password_hash="$1$secret"))

    assert why.startswith("line 1: email is missing; name must have at most 200 characters; password_hash has no form")
    assert "secret" not in why


@pytest.mark.parametrize("ending", [b"\n", b""])
def test_a_line_has_65536_bytes_at_most_and_the_next_one_is_read_all_the_same(
    clock: ManualClock, ending: bytes
) -> None:
    longest = line(more="x" * (LINE_BYTES_MAX + 1 - len(line(more=""))))
    too_long = longest.replace(b"x", b"xx", 1)
    far_too_long = longest.replace(b"x", b"xxx")
    content = b"".join([longest, too_long, far_too_long, longest.rstrip(b"\n"), ending])

    lines = list(read_user_lines(BytesIO(content), clock.now()))

    assert [line.user is not None for line in lines] == [True, False, False, True]
    assert [line.refusal for line in lines[1:3]] == [
        "line 2: is longer than 65536 bytes",
        "line 3: is longer than 65536 bytes",
    ]
    assert sum(line.size_bytes for line in lines) == len(content)


def test_a_blank_line_is_neither_imported_nor_refused_but_counted(clock: ManualClock) -> None:
    assert refusals(clock, b"\n\n" + b"no user\n") == ["line 3: is not JSON in UTF-8"]
