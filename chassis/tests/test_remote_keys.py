"""The keys of auth in other processes: how old they become, and who waits for them."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from chassis import mesh
from chassis.background import running
from chassis.call import Call, calling
from chassis.errors import Unavailable
from chassis.mesh import KEY_WAITERS_MAX, KEYS_AGAIN_SECONDS, KEYS_AGE_SECONDS_MAX, RemoteKeys
from chassis.tests.conftest import Auth, json_web_key
from chassis.tests.counted import value


def test_the_keys_keep_their_age_though_three_answers_of_auth_are_lost() -> None:
    lost = 3 * (mesh.CALL_SECONDS + mesh.KEYS_AGAIN_SECONDS)

    assert mesh.KEYS_REFRESH_SECONDS + lost + mesh.CALL_SECONDS <= KEYS_AGE_SECONDS_MAX


async def test_a_key_that_auth_withdraws_is_gone_with_the_next_refresh(
    auth: Auth, stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mesh, "KEYS_REFRESH_SECONDS", 0.001)
    auth.keys = [json_web_key("old"), json_web_key("new")]
    keys = RemoteKeys(stub)
    await keys.fetch()
    auth.keys = auth.keys[1:]

    async with running(asyncio.create_task(keys.keep_fresh())), asyncio.timeout(10):
        while await keys.key("old") is not None:
            await asyncio.sleep(0)

    assert await keys.key("new") is not None


async def test_the_refresh_goes_on_when_auth_is_back(auth: Auth, stub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh, "KEYS_REFRESH_SECONDS", 0.001)
    monkeypatch.setattr(mesh, "KEYS_AGAIN_SECONDS", 0.001)
    auth.keys = [json_web_key("old")]
    keys = RemoteKeys(stub)
    await keys.fetch()
    auth.is_down = True

    async with running(asyncio.create_task(keys.keep_fresh())), asyncio.timeout(10):
        while auth.asked < 5:
            await asyncio.sleep(0)
        while_auth_is_down = await keys.key("old")
        auth.keys = [json_web_key("new")]
        auth.is_down = False
        while await keys.key("new") is None:
            await asyncio.sleep(0)

    assert while_auth_is_down is not None


@pytest.mark.parametrize(("age", "level"), [(60, logging.WARNING), (61, logging.ERROR)])
async def test_keys_that_become_too_old_are_kept_and_complained_about(
    auth: Auth, stub: Any, at: Callable[[float], None], caplog: pytest.LogCaptureFixture, age: int, level: int
) -> None:
    auth.keys = [json_web_key("known")]
    keys = RemoteKeys(stub)
    await keys.fetch()
    auth.is_down = True
    at(age)

    assert await keys.key("unknown") is None
    assert await keys.key("known") is not None
    (record,) = (record for record in caplog.records if record.name == mesh.__name__)
    assert record.levelno == level
    assert record.getMessage() == f"keys are not refreshed: UNAVAILABLE: down; those of {age} s ago are kept"


async def test_a_flood_of_invented_key_ids_is_one_question_to_auth(
    auth: Auth, stub: Any, at: Callable[[float], None]
) -> None:
    auth.keys = [json_web_key("known")]
    keys = RemoteKeys(stub)
    await keys.fetch()

    for second in (0, 1, KEYS_AGAIN_SECONDS):
        at(second)
        assert not any(await asyncio.gather(*(keys.key(f"{second}-{number}") for number in range(500))))
    asked_at_once = auth.asked
    at(KEYS_AGAIN_SECONDS + 0.1)
    assert not any(await asyncio.gather(*(keys.key(f"invented-{number}") for number in range(500))))

    assert (asked_at_once, auth.asked) == (1, 2)


async def test_a_new_key_is_known_as_soon_as_a_token_comes_with_it(
    auth: Auth, stub: Any, at: Callable[[float], None]
) -> None:
    auth.keys = [json_web_key("first")]
    keys = RemoteKeys(stub)
    await keys.fetch()
    auth.keys.append(json_web_key("second"))
    at(KEYS_AGAIN_SECONDS + 0.1)

    assert await keys.key("second") is not None


async def test_nobody_with_a_known_key_waits_while_others_wait_for_auth(
    auth: Auth, stub: Any, at: Callable[[float], None]
) -> None:
    auth.keys = [json_web_key("known")]
    keys = RemoteKeys(stub)
    await keys.fetch()
    at(60)
    auth.answers.clear()
    waiting = [asyncio.create_task(keys.key(f"invented-{number}")) for number in range(KEY_WAITERS_MAX)]
    while auth.asked < 2:
        await asyncio.sleep(0)

    at_once = asyncio.create_task(keys.key("known"))
    one_too_many = asyncio.create_task(keys.key("one more"))
    await asyncio.wait([at_once, one_too_many], timeout=10)

    assert not any(task.done() for task in waiting)
    assert at_once.result() is not None
    assert one_too_many.result() is None
    auth.answers.set()
    assert await asyncio.gather(*waiting) == [None] * KEY_WAITERS_MAX


@pytest.mark.parametrize(
    "members",
    [
        {"kty": "RSA"},
        {"crv": "Ed448"},
        {"use": "enc"},
        {"alg": "HS256"},
        {"kid": ""},
        {"x": ""},
        {"x": "AAAA"},
        {"x": "*"},
    ],
)
async def test_keys_that_verify_no_token_are_ignored(auth: Auth, stub: Any, members: dict[str, str]) -> None:
    auth.keys = [json_web_key("other", **members), json_web_key("ours"), json_web_key("terse", use="", alg="")]
    keys = RemoteKeys(stub)

    await keys.fetch()

    assert await keys.key("other") is await keys.key("") is None
    assert await keys.key("ours") is not None
    assert await keys.key("terse") is not None


async def test_a_set_without_keys_is_no_answer(auth: Auth, stub: Any) -> None:
    auth.keys = [json_web_key("known")]
    keys = RemoteKeys(stub)
    await keys.fetch()
    auth.keys = []

    with pytest.raises(Unavailable):
        await keys.fetch()

    assert await keys.key("known") is not None


async def test_a_callers_deadline_does_not_end_what_others_wait_for(auth: Auth, stub: Any) -> None:
    keys = RemoteKeys(stub)
    auth.answers.clear()

    async def hurried() -> None:
        with calling(Call("request-1", "", asyncio.get_running_loop().time() + 0.02)):
            await asyncio.wait_for(keys.key("unknown"), 0.02)

    with pytest.raises(TimeoutError):
        await hurried()
    patient = asyncio.create_task(keys.key("unknown"))
    await asyncio.sleep(0)
    auth.answers.set()

    assert await patient is None
    assert auth.asked == 1


async def test_the_metrics_say_when_keys_came_and_not_when_they_were_asked_for(auth: Auth, stub: Any) -> None:
    auth.keys = [json_web_key("known")]
    keys = RemoteKeys(stub)
    before = time.time()
    await keys.fetch()
    fetched = value("ordermesh_keys_fetched_timestamp_seconds")
    auth.is_down = True

    with pytest.raises(grpc.aio.AioRpcError):
        await keys.fetch()

    assert before <= fetched <= time.time()
    assert value("ordermesh_keys_fetched_timestamp_seconds") == fetched
