"""What a refresh token may do, over both stores."""

import asyncio
from dataclasses import replace

import jwt
import pytest

from chassis.config import Secret
from services.auth.errors import InvalidRefreshToken
from services.auth.refresh_tokens import RefreshTokens
from services.auth.session import begin_session
from services.auth.tests.scene import REFRESH_SECRET, Auth
from services.auth.user import Role, new_customer

DAY_SECONDS = 24 * 60 * 60


async def is_refused(auth: Auth, refresh_token: str) -> bool:
    try:
        await auth.refresh(refresh_token)
    except InvalidRefreshToken:
        return True
    return False


async def test_a_refresh_token_gives_the_next_one_of_the_same_session(auth: Auth) -> None:
    first = await auth.ada_logs_in()

    second = (await auth.refresh(first)).refresh_token
    third = (await auth.refresh(second)).refresh_token

    assert len({first, second, third}) == 3
    assert (await auth.session_of(first)).generation == 3
    assert (await auth.session_of(third)).session_id == (await auth.session_of(first)).session_id


async def test_a_token_used_again_within_ten_seconds_gets_the_same_successor(auth: Auth) -> None:
    first = await auth.ada_logs_in()
    second = (await auth.refresh(first)).refresh_token
    auth.clock.advance(10)

    again = (await auth.refresh(first)).refresh_token

    assert again == second
    assert (await auth.session_of(first)).generation == 2
    assert not await is_refused(auth, second)


async def test_a_token_used_again_after_ten_seconds_ends_the_session(auth: Auth) -> None:
    first = await auth.ada_logs_in()
    second = (await auth.refresh(first)).refresh_token
    auth.clock.advance(10.001)

    assert await is_refused(auth, first)
    assert await is_refused(auth, second)
    assert (await auth.session_of(first)).revoke_time == auth.clock.now()


async def test_a_token_whose_successor_was_used_ends_the_session_at_once(auth: Auth) -> None:
    first = await auth.ada_logs_in()
    second = (await auth.refresh(first)).refresh_token
    third = (await auth.refresh(second)).refresh_token

    assert await is_refused(auth, first)
    assert await is_refused(auth, third)


async def test_a_stolen_session_leaves_the_others_alone(auth: Auth) -> None:
    laptop, phone = await auth.ada_logs_in(), await auth.ada_logs_in()
    await auth.refresh(laptop)
    auth.clock.advance(11)
    await is_refused(auth, laptop)

    assert not await is_refused(auth, phone)


@pytest.mark.parametrize("what", ["mac", "generation", "session", "nonsense"])
async def test_an_invented_token_is_refused_and_revokes_nothing(auth: Auth, what: str) -> None:
    newest = (await auth.refresh(await auth.ada_logs_in())).refresh_token
    session_id, generation, mac = newest.split(".")
    invented = {
        "mac": f"{session_id}.{generation}.{mac[::-1]}",
        "generation": f"{session_id}.1.{mac}",
        "session": f"{'0' * 32}.{generation}.{mac}",
        "nonsense": "let me in",
    }[what]

    assert await is_refused(auth, invented)
    assert (await auth.session_of(newest)).revoke_time is None
    assert not await is_refused(auth, newest)


async def test_parallel_tabs_move_the_session_on_once_and_get_the_same_successor(auth: Auth) -> None:
    first = await auth.ada_logs_in()

    pairs = await asyncio.gather(*(auth.refresh(first) for _ in range(20)))

    assert len({pair.refresh_token for pair in pairs}) == 1
    assert len({pair.access.text for pair in pairs}) == 20
    assert (await auth.session_of(first)).generation == 2
    assert not await is_refused(auth, pairs[0].refresh_token)


async def test_a_session_that_is_used_lives_thirty_days_and_no_longer(auth: Auth) -> None:
    token = await auth.ada_logs_in()
    for _ in range(5):
        auth.clock.advance(6 * DAY_SECONDS - 1)
        pair = await auth.refresh(token)
        token = pair.refresh_token

    assert pair.refresh_expires_in_seconds == 5
    auth.clock.advance(5)
    assert await is_refused(auth, token)


async def test_a_session_that_lies_idle_for_seven_days_is_over(auth: Auth) -> None:
    used, idle = await auth.ada_logs_in(), await auth.ada_logs_in()
    auth.clock.advance(7 * DAY_SECONDS - 1)
    used = (await auth.refresh(used)).refresh_token
    auth.clock.advance(1)

    assert await is_refused(auth, idle)
    assert not await is_refused(auth, used)


async def test_the_account_is_read_again(auth: Auth) -> None:
    first = await auth.ada_logs_in()
    session = await auth.session_of(first)
    promoted = await auth.store.set_role(session.user_id, Role.ADMIN)
    assert promoted is not None
    await auth.store.move_session(session.session_id, promoted.session_epoch)

    pair = await auth.refresh(first)

    assert jwt.decode(pair.access.text, options={"verify_signature": False})["role"] == "admin"


async def test_a_session_from_before_all_were_ended_gives_nothing(auth: Auth) -> None:
    """Also when whoever ended them died before each of them was marked."""
    first = await auth.ada_logs_in()
    await auth.store.end_epoch((await auth.session_of(first)).user_id)

    assert await is_refused(auth, first)
    assert (await auth.session_of(first)).generation == 1


async def test_the_session_of_an_account_that_is_gone_gives_nothing(auth: Auth) -> None:
    nobody = new_customer("nobody@example.com", "", "$argon2id$nobody", auth.clock.now())
    session = begin_session(nobody, auth.clock.now())
    await auth.store.add_session(session)

    assert await is_refused(auth, auth.refresh.refresh_tokens.newest_of(session))


async def test_a_generation_that_was_never_reached_is_refused_and_revokes_nothing(auth: Auth) -> None:
    """A database that was restored from a backup is behind its tokens."""
    first = await auth.ada_logs_in()
    session = await auth.session_of(first)
    tokens = auth.refresh.refresh_tokens
    future = tokens.newest_of(replace(session, generation=9))

    assert await is_refused(auth, future)
    assert (await auth.session_of(first)).revoke_time is None


async def test_a_token_under_the_previous_secret_is_exchanged_for_one_under_the_new(auth: Auth) -> None:
    new = Secret("the refresh secret of the new quarter, long enough")
    first = await auth.ada_logs_in()
    rotated = RefreshTokens(new, previous=REFRESH_SECRET)
    refresh = replace(
        auth.refresh, refresh_tokens=rotated, token_pairs=replace(auth.refresh.token_pairs, refresh_tokens=rotated)
    )

    second = (await refresh(first)).refresh_token

    assert second == RefreshTokens(new).newest_of(await auth.session_of(second))
