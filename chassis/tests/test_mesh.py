"""A process's own token, while auth comes and goes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from chassis.config import Secret
from chassis.errors import Unavailable
from chassis.mesh import MeshConfig, ServiceToken
from chassis.tests.conftest import Auth

CONFIG = MeshConfig("dns:///auth", "orders", Secret("s" * 32))


async def test_a_token_is_kept_while_it_is_young(auth: Auth, stub: Any, at: Callable[[float], None]) -> None:
    token = ServiceToken(stub, CONFIG)

    first = await token.token()
    at(200)

    assert (first, await token.token(), auth.asked) == ("token-1", "token-1", 1)


async def test_nobody_waits_for_a_renewal_while_the_token_is_valid(
    auth: Auth, stub: Any, at: Callable[[float], None]
) -> None:
    token = ServiceToken(stub, CONFIG)
    await token.token()
    at(250)
    auth.answers.clear()

    while_auth_hangs = await token.token()
    auth.answers.set()
    while auth.issued < 2:
        await asyncio.sleep(0)
    at(290)
    async with asyncio.timeout(5):
        while await token.token() != "token-2":
            await asyncio.sleep(0)

    assert while_auth_hangs == "token-1"


async def test_without_auth_and_without_a_token_calls_fail_at_once(
    auth: Auth, stub: Any, at: Callable[[float], None]
) -> None:
    auth.is_down = True
    token = ServiceToken(stub, CONFIG)

    for _ in range(5):
        with pytest.raises(Unavailable):
            await token.token()

    assert auth.asked == 1, "auth is asked at most once a second"
    auth.is_down = False
    at(2)
    assert await token.token() == "token-1"


async def test_who_can_do_without_a_token_never_waits_for_one(
    auth: Auth, stub: Any, at: Callable[[float], None]
) -> None:
    token = ServiceToken(stub, CONFIG)
    auth.answers.clear()
    assert (token.at_hand(), token.at_hand()) == ("", "")

    auth.answers.set()
    async with asyncio.timeout(5):
        while not token.at_hand():
            await asyncio.sleep(0)
    at(299)
    auth.answers.clear()
    young = token.at_hand()
    at(301)

    assert (young, token.at_hand()) == ("token-1", "")


async def test_many_callers_share_one_renewal(auth: Auth, stub: Any) -> None:
    token = ServiceToken(stub, CONFIG)

    tokens = await asyncio.gather(*(token.token() for _ in range(20)))

    assert (set(tokens), auth.asked) == ({"token-1"}, 1)


async def test_a_token_that_was_refused_is_not_given_again(auth: Auth, stub: Any, at: Callable[[float], None]) -> None:
    token = ServiceToken(stub, CONFIG)
    first = await token.token()
    at(60)

    token.refused(first)
    token.refused("an older one")

    assert await token.token() == "token-2"
