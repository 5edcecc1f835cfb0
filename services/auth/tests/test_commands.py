"""The operator's commands, and how the process says that it cannot start."""

import asyncio
import json
import os
import pty
import signal
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.errors import InvalidArgument
from chassis.mongo import Database
from services.auth.commands import CommandFailed, create_user, grant_role
from services.auth.import_users import BATCH_LINES
from services.auth.memory_store import MemoryStore
from services.auth.mongo_store import MongoStore
from services.auth.passwords import Passwords
from services.auth.tests import node_hashes as node
from services.auth.tests.scene import Auth, mongo_uri_of
from services.auth.user import Role

ROOT = Path(__file__).parents[3]


LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Ended:
    code: int | None
    output: str
    errors: str


async def started(
    *arguments: str, cwd: Path, environment: Mapping[str, str], errors: int = asyncio.subprocess.PIPE
) -> asyncio.subprocess.Process:
    """``python -m services.auth`` in an empty directory, so that no ``.env`` is read."""
    search = os.pathsep.join([str(ROOT), str(ROOT / "clients" / "python")])
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.auth",
        *arguments,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": search, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,
    )


async def ended(process: asyncio.subprocess.Process, typed: str = "") -> Ended:
    output, errors = await process.communicate(typed.encode())
    return Ended(process.returncode, output.decode(), (errors or b"").decode())


async def run_auth(*arguments: str, typed: str = "", cwd: Path, **environment: str) -> Ended:
    return await ended(await started(*arguments, cwd=cwd, environment=environment), typed)


def user_line(email: str, password_hash: str = node.BCRYPTJS) -> str:
    return json.dumps({"email": email, "password_hash": password_hash}) + "\n"


async def test_a_role_is_granted_and_taken_back(auth: Auth) -> None:
    assert await grant_role(auth.store, "Ada@Example.com", Role.ADMIN) == "ada@example.com is admin"
    assert await grant_role(auth.store, "ada@example.com", Role.CUSTOMER) == "ada@example.com is customer"


async def test_nobody_is_granted_nothing() -> None:
    with pytest.raises(CommandFailed, match=r"bob@example\.com: there is no such user"):
        await grant_role(MemoryStore(), "bob@example.com", Role.ADMIN)


async def test_an_account_is_created_once_and_keeps_its_password(passwords: Passwords) -> None:
    store = MemoryStore()
    await create_user(store, "root@example.com", "first password", "Root", Role.ADMIN)

    line = await create_user(store, "root@example.com", "second password", "Other", None)

    user = await store.user_with_email("root@example.com")
    assert line == "root@example.com exists already"
    assert user is not None
    assert (user.role, user.name) == (Role.ADMIN, "Root")
    assert (await passwords.verify("first password", user.password_hash)).matches


async def test_who_registered_the_admins_address_first_does_not_become_the_admin(auth: Auth) -> None:
    await auth.register("root@example.com", "a stranger's password", "Stranger")

    with pytest.raises(
        CommandFailed, match=r"^root@example\.com: exists with another password; grant-role promotes it$"
    ):
        await create_user(auth.store, "root@example.com", "the operator's password", "Root", Role.ADMIN)

    user = await auth.store.user_with_email("root@example.com")
    assert user is not None
    assert user.role is Role.CUSTOMER


async def test_who_registered_with_the_operators_password_becomes_the_admin(auth: Auth) -> None:
    await auth.register("root@example.com", "the operator's password", "Root")

    line = await create_user(auth.store, "Root@Example.com", "the operator's password", "Root", Role.ADMIN)

    assert line == "Root@Example.com exists already; root@example.com is admin"


async def test_creating_an_admin_again_changes_nothing_also_with_a_password_that_was_changed(auth: Auth) -> None:
    await create_user(auth.store, "root@example.com", "the first password", "Root", Role.ADMIN)
    created = await auth.store.user_with_email("root@example.com")

    line = await create_user(auth.store, "root@example.com", "another password", "Root", Role.ADMIN)

    assert line == "root@example.com exists already; root@example.com is admin"
    assert await auth.store.user_with_email("root@example.com") == created


async def test_the_commands_work_on_the_database(mongo_uri: str, database: Database, tmp_path: Path) -> None:
    uri = mongo_uri_of(mongo_uri, database)

    created = await run_auth(
        "create-user", "root@example.com", "--role", "admin", typed="correct horse\n", cwd=tmp_path, MONGO_URI=uri
    )
    granted = await run_auth("grant-role", "root@example.com", "customer", cwd=tmp_path, MONGO_URI=uri)
    nobody = await run_auth("grant-role", "bob@example.com", "admin", cwd=tmp_path, MONGO_URI=uri)
    weak = await run_auth("create-user", "bob@example.com", cwd=tmp_path, MONGO_URI=uri, PASSWORD="short")

    assert created == Ended(0, "root@example.com is created; root@example.com is admin\n", "")
    assert granted == Ended(0, "root@example.com is customer\n", "")
    assert nobody == Ended(1, "", "bob@example.com: there is no such user\n")
    assert weak == Ended(1, "", "bob@example.com: password must have 8 to 1024 characters\n")
    user = await MongoStore(database).user_with_email("root@example.com")
    assert user is not None
    assert user.role is Role.CUSTOMER


async def test_create_user_refuses_a_common_password(passwords: Passwords) -> None:
    with pytest.raises(InvalidArgument, match="password must not be one of the 3,000 most common passwords"):
        await create_user(MemoryStore(), "root@example.com", "iloveyou", "Root", Role.ADMIN)


async def test_create_user_hashes_as_it_is_configured(mongo_uri: str, database: Database, tmp_path: Path) -> None:
    told = {"MONGO_URI": mongo_uri_of(mongo_uri, database), "PASSWORD_MEMORY_KIB": "7168", "PASSWORD_ROUNDS": "5"}

    await run_auth("create-user", "root@example.com", typed="correct horse\n", cwd=tmp_path, **told)

    user = await MongoStore(database).user_with_email("root@example.com")
    assert user is not None
    assert user.password_hash.startswith("$argon2id$v=19$m=7168,t=5,p=1$")


async def test_people_are_imported_and_the_report_says_who_is_not(
    mongo_uri: str, database: Database, tmp_path: Path
) -> None:
    uri, file = mongo_uri_of(mongo_uri, database), tmp_path / "users.jsonl"
    file.write_text(user_line("ada@example.com") + user_line("bob@example.com", "$1$secret") + user_line("eve"))

    first = await run_auth("import-users", str(file), cwd=tmp_path, MONGO_URI=uri)
    again = await run_auth("import-users", "-", typed=user_line("ada@example.com"), cwd=tmp_path, MONGO_URI=uri)

    assert (first.code, first.output) == (1, "1 imported, 0 already there, 2 refused\n")
    bob, eve, advice, rest = first.errors.split("\n")
    assert bob.startswith("line 2 (bob@example.com): password_hash has no form that is known")
    assert eve.startswith("line 3: email is not an e-mail address")
    assert advice.startswith("what was refused is not there")
    assert rest == ""
    assert "secret" not in first.errors
    assert again == Ended(0, "0 imported, 1 already there, 0 refused\n", "")
    assert await MongoStore(database).user_with_email("bob@example.com") is None


async def test_a_file_that_is_not_there_is_one_line(mongo_uri: str, database: Database, tmp_path: Path) -> None:
    uri = mongo_uri_of(mongo_uri, database)

    missing = await run_auth("import-users", "nowhere.jsonl", cwd=tmp_path, MONGO_URI=uri)

    assert missing == Ended(1, "", "nowhere.jsonl: No such file or directory\n")


async def test_an_import_that_is_stopped_says_how_far_it_came(
    mongo_uri: str, database: Database, tmp_path: Path
) -> None:
    store = MongoStore(database)
    told = {"MONGO_URI": mongo_uri_of(mongo_uri, database)}
    process = await started("import-users", "-", cwd=tmp_path, environment=told)
    assert process.stdin is not None
    for number in range(BATCH_LINES + 1):
        process.stdin.write(user_line(f"user-{number}@example.com").encode())
    await process.stdin.drain()
    while await store.user_with_email("user-0@example.com") is None:
        await asyncio.sleep(LOOK_SECONDS)

    process.send_signal(signal.SIGTERM)
    stopped = await ended(process)

    assert (stopped.code, stopped.output) == (1, f"{BATCH_LINES} imported, 0 already there, 0 refused\n")
    assert stopped.errors == "it was stopped: import the file again, what is there stays as it is\n"


async def test_a_terminal_sees_how_far_an_import_is(mongo_uri: str, database: Database, tmp_path: Path) -> None:
    file, (ours, theirs) = tmp_path / "users.jsonl", pty.openpty()
    termios.tcsetwinsize(ours, (24, 80))
    os.set_blocking(ours, False)
    file.write_text(user_line("ada@example.com"))

    told = {"MONGO_URI": mongo_uri_of(mongo_uri, database)}
    process = await started("import-users", str(file), cwd=tmp_path, environment=told, errors=theirs)
    done = await ended(process)
    seen = os.read(ours, 65_536).decode()
    os.close(ours)
    os.close(theirs)

    assert (done.code, done.output) == (0, "1 imported, 0 already there, 0 refused\n")
    assert "0%" in seen


async def test_a_database_that_is_down_is_one_line(tmp_path: Path) -> None:
    uri = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50"

    down = await run_auth("grant-role", "ada@example.com", "admin", cwd=tmp_path, MONGO_URI=uri)

    assert (down.code, down.output) == (1, "")
    assert down.errors == "MONGO_URI: the database does not answer (ServerSelectionTimeoutError)\n"


async def test_a_server_without_its_keys_does_not_start(tmp_path: Path) -> None:
    refused = await run_auth(cwd=tmp_path, MONGO_URI="mongodb://127.0.0.1:9")

    assert (refused.code, refused.output) == (78, "")
    assert refused.errors.count("\n") == 1
    assert all(key in refused.errors for key in ("JWT_SECRET", "JWT_REFRESH_SECRET", "SERVICE_CLIENTS"))
