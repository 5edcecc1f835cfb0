"""Hashing: argon2id, in bounded, niced threads."""

import asyncio
import os
import sys
import threading
from contextlib import closing
from time import process_time

import pytest
from passlib.hash import argon2

from chassis.tests.counted import counts, value
from services.auth.errors import HashingOverloaded
from services.auth.hash_parameters import HashParameters
from services.auth.passwords import NICENESS, Passwords


async def test_a_hash_is_argon2id_with_our_parameters_and_a_salt_of_its_own(passwords: Passwords) -> None:
    first, second = await passwords.hash("correct horse"), await passwords.hash("correct horse")

    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second


async def test_only_the_right_password_matches(passwords: Passwords) -> None:
    password_hash = await passwords.hash("correct horse")

    right, wrong = await asyncio.gather(
        passwords.verify("correct horse", password_hash), passwords.verify("Correct horse", password_hash)
    )

    assert (right.matches, right.new_hash) == (True, None)
    assert (wrong.matches, wrong.new_hash) == (False, None)


async def test_nobody_has_a_password(passwords: Passwords) -> None:
    verdict = await passwords.verify("correct horse", None)

    assert not verdict.matches


async def test_a_hash_with_other_parameters_is_replaced_when_the_password_is_known(passwords: Passwords) -> None:
    weak = argon2.using(type="ID", memory_cost=1024, time_cost=1, parallelism=1).hash("correct horse")

    right = await passwords.verify("correct horse", weak)
    wrong = await passwords.verify("guess", weak)

    assert right.matches
    assert right.new_hash is not None
    assert right.new_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert wrong.new_hash is None


async def test_a_password_composed_otherwise_is_the_same_password(passwords: Passwords) -> None:
    password_hash = await passwords.hash("caf\u00e9 noir")

    verdict = await passwords.verify("cafe\u0301 noir", password_hash)

    assert verdict.matches


async def test_a_password_that_normalising_makes_too_long_is_wrong_and_as_much_work(passwords: Passwords) -> None:
    """passlib refuses more than 4,096 characters with an exception of its own."""
    password_hash = await passwords.hash("correct horse")
    begun = process_time()
    await passwords.verify("a wrong guess", password_hash)
    usual = process_time() - begun

    begun = process_time()
    verdict = await passwords.verify("\ufdfa" * 300, password_hash)
    taken = process_time() - begun

    assert not verdict.matches
    assert 0.3 < taken / usual < 3


async def test_a_nul_character_does_not_end_a_password(passwords: Passwords) -> None:
    password_hash = await passwords.hash("correct\0horse")

    right = await passwords.verify("correct\0horse", password_hash)
    wrong = await passwords.verify("correct\0mule", password_hash)

    assert (right.matches, wrong.matches) == (True, False)


async def test_more_than_the_queue_holds_is_refused_at_once() -> None:
    with closing(Passwords(threads=1, waiting_max=2)) as passwords:
        outcomes = await asyncio.gather(*(passwords.hash("correct horse") for _ in range(5)), return_exceptions=True)

        refused = [outcome for outcome in outcomes if isinstance(outcome, HashingOverloaded)]
        assert len(refused) == 2
        assert await passwords.hash("correct horse"), "there is room again"


async def test_who_goes_away_makes_room_for_others() -> None:
    with closing(Passwords(threads=1, waiting_max=1)) as passwords:
        first = asyncio.create_task(passwords.hash("correct horse"))
        second = asyncio.create_task(passwords.hash("correct horse"))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])

        third = await passwords.hash("correct horse")

        assert second.cancelled()
        assert await first != third


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a priority of its own on Linux only")
async def test_hashing_threads_give_way_to_the_event_loop(passwords: Passwords) -> None:
    await passwords.hash("correct horse")
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("password")]

    priorities = {os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) for thread in threads}

    assert priorities == {min(os.getpriority(os.PRIO_PROCESS, 0) + NICENESS, NICENESS)}


async def test_hashes_are_made_with_the_parameters_of_the_configuration() -> None:
    with closing(Passwords(HashParameters(7_168, 5), threads=1)) as tuned:
        assert (await tuned.hash("correct horse")).startswith("$argon2id$v=19$m=7168,t=5,p=1$")


async def test_a_hash_of_ours_with_other_parameters_is_replaced_too(passwords: Passwords) -> None:
    password_hash = await passwords.hash("correct horse")
    with closing(Passwords(HashParameters(7_168, 5), threads=1)) as tuned:
        verdict = await tuned.verify("correct horse", password_hash)

    assert verdict.new_hash is not None
    assert verdict.new_hash.startswith("$argon2id$v=19$m=7168,t=5,p=1$")


async def test_what_waits_and_what_is_refused_is_shown() -> None:
    with closing(Passwords(threads=1, waiting_max=2)) as passwords, counts(2, "ordermesh_auth_hashes_refused_total"):
        hashing = asyncio.gather(*(passwords.hash("correct horse") for _ in range(5)), return_exceptions=True)
        await asyncio.sleep(0)
        pending = value("ordermesh_auth_hashes_pending")
        await hashing

    assert (pending, value("ordermesh_auth_hashes_pending")) == (3, 0)
