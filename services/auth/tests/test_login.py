"""Logging in, over both stores."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from time import process_time
from typing import Any

import pytest
from passlib.hash import argon2

from services.auth.errors import InvalidCredentials
from services.auth.tests import node_hashes as node
from services.auth.tests.scene import Auth
from services.auth.user import new_customer

TRIES = 5


async def test_each_login_opens_a_session_of_its_own(auth: Auth) -> None:
    tokens = await asyncio.gather(auth.ada_logs_in(), auth.ada_logs_in())

    assert tokens[0].split(".")[0] != tokens[1].split(".")[0]


async def test_the_address_is_found_whatever_its_capitals(auth: Auth) -> None:
    assert await auth.login("ADA@Example.COM", "correct horse")


async def test_a_hash_with_other_parameters_is_replaced_at_the_next_login(auth: Auth) -> None:
    weak = argon2.using(type="ID", memory_cost=1024, time_cost=1, parallelism=1).hash("battery staple")
    bob = new_customer("bob@example.com", "Bob", weak, auth.clock.now())
    await auth.store.add_user(bob)

    await auth.login("bob@example.com", "battery staple")

    upgraded = await auth.store.user(bob.user_id)
    assert upgraded is not None
    assert upgraded.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert replace(upgraded, password_hash=weak) == bob
    assert await auth.login("bob@example.com", "battery staple")


@pytest.mark.parametrize("theirs", [node.BCRYPTJS, node.ARGON2ID])
async def test_a_hash_of_another_system_is_replaced_at_the_first_login(auth: Auth, theirs: str) -> None:
    bob = new_customer("bob@example.com", "Bob", theirs, auth.clock.now())
    await auth.store.add_user(bob)

    await auth.login("bob@example.com", node.HORSE)

    upgraded = await auth.store.user(bob.user_id)
    assert upgraded is not None
    assert upgraded.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await auth.login("bob@example.com", node.HORSE)


async def test_a_hash_that_cannot_be_checked_is_a_wrong_password_and_the_log_says_whose(
    auth: Auth, caplog: pytest.LogCaptureFixture
) -> None:
    bob = new_customer("bob@example.com", "Bob", "$1$salt$qJH7.N4xYta3aEG/dfqo/0", auth.clock.now())
    await auth.store.add_user(bob)

    with pytest.raises(InvalidCredentials):
        await auth.login("bob@example.com", "correct horse")

    (record,) = [record for record in caplog.records if record.name == "services.auth.login"]
    assert record.levelname == "ERROR"
    assert bob.user_id in record.getMessage()
    assert "bob@example.com" not in record.getMessage()
    assert "$1$" not in record.getMessage()
    assert await auth.store.user(bob.user_id) == bob


async def test_an_unknown_address_is_as_much_work_as_a_wrong_password(auth: Auth) -> None:
    async def refused(login: Awaitable[Any]) -> None:
        with pytest.raises(InvalidCredentials):
            await login

    async def work(email: str) -> float:
        begun = process_time()
        for _ in range(TRIES):
            await refused(auth.login(email, "a wrong guess"))
        return process_time() - begun

    unknown, wrong = await work("nobody@example.com"), await work("ada@example.com")

    assert 0.5 < unknown / wrong < 2


async def test_a_password_that_is_too_short_to_be_registered_is_simply_wrong(auth: Auth) -> None:
    with pytest.raises(InvalidCredentials):
        await auth.login("ada@example.com", "x")
