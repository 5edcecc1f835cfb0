"""The operator's commands, and how the process says that it cannot start."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.errors import InvalidArgument
from chassis.mongo import Database
from services.auth.commands import CommandFailed, create_user, grant_role
from services.auth.memory_store import MemoryStore
from services.auth.mongo_store import MongoStore
from services.auth.passwords import Passwords
from services.auth.tests.scene import Auth, mongo_uri_of
from services.auth.user import Role

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Ended:
    code: int | None
    output: str
    errors: str


async def run_auth(*arguments: str, typed: str = "", cwd: Path, **environment: str) -> Ended:
    """Run ``python -m services.auth`` in an empty directory, so that no ``.env`` is read."""
    search = os.pathsep.join([str(ROOT), str(ROOT / "clients" / "python")])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.auth",
        *arguments,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": search, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(typed.encode())
    return Ended(process.returncode, output.decode(), errors.decode())


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


async def test_a_database_that_is_down_is_one_line(tmp_path: Path) -> None:
    uri = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50"

    ended = await run_auth("grant-role", "ada@example.com", "admin", cwd=tmp_path, MONGO_URI=uri)

    assert (ended.code, ended.output) == (1, "")
    assert ended.errors == "MONGO_URI: the database does not answer (ServerSelectionTimeoutError)\n"


async def test_a_server_without_its_keys_does_not_start(tmp_path: Path) -> None:
    ended = await run_auth(cwd=tmp_path, MONGO_URI="mongodb://127.0.0.1:9")

    assert (ended.code, ended.output) == (78, "")
    assert ended.errors.count("\n") == 1
    assert all(key in ended.errors for key in ("JWT_SECRET", "JWT_REFRESH_SECRET", "SERVICE_CLIENTS"))
