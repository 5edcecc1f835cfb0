"""Sessions end in four ways, over both stores; what has ended is good for nothing."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from chassis.errors import InvalidArgument
from chassis.interceptors.authenticate import AdminRequired
from services.auth.errors import (
    AccountGone,
    InvalidCredentials,
    InvalidRefreshToken,
    SessionOver,
    UserNotFound,
    WrongPassword,
)
from services.auth.passwords import Passwords, Verdict
from services.auth.refresh_tokens import RefreshTokens
from services.auth.session import Session
from services.auth.tests.scene import Auth
from services.auth.user import Role

NEW_PASSWORD = "battery staple"


async def is_alive(auth: Auth, refresh_token: str) -> bool:
    try:
        await auth.refresh(refresh_token)
    except InvalidRefreshToken:
        return False
    return True


async def test_a_logout_ends_one_session(auth: Auth) -> None:
    mine, other = await auth.ada_logs_in(), await auth.ada_logs_in()

    await auth.logout(mine)

    assert (await is_alive(auth, mine), await is_alive(auth, other)) == (False, True)
    assert (await auth.session_of(mine)).session_id in auth.revocations
    assert (await auth.session_of(other)).session_id not in auth.revocations


async def test_any_token_of_a_session_logs_it_out(auth: Auth) -> None:
    first = await auth.ada_logs_in()
    newest = (await auth.refresh((await auth.refresh(first)).refresh_token)).refresh_token

    await auth.logout(first)

    assert not await is_alive(auth, newest)


async def test_logging_out_again_changes_nothing(auth: Auth) -> None:
    token = await auth.ada_logs_in()
    await auth.logout(token)
    ended = await auth.session_of(token)
    auth.clock.advance(60)

    await auth.logout(token)

    assert await auth.session_of(token) == ended


async def test_an_invented_token_logs_nobody_out_and_nobody_is_told(auth: Auth) -> None:
    token = await auth.ada_logs_in()
    session_id, generation, mac = token.split(".")

    await auth.logout(f"{session_id}.{generation}.{mac[::-1]}")
    await auth.logout(f"{'0' * 32}.{generation}.{mac}")

    assert await is_alive(auth, token)


@pytest.mark.parametrize("text", ["", "x" * 513, "no refresh token", f"{'0' * 32}.0.{'A' * 43}"])
async def test_what_is_no_refresh_token_is_refused(auth: Auth, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await auth.logout(text)

    assert [violation.field for violation in caught.value.violations] == ["refresh_token"]


async def test_a_logout_of_all_ends_every_session(auth: Auth) -> None:
    tokens = [await auth.ada_logs_in() for _ in range(3)]

    await auth.logout_all((await auth.session_of(tokens[0])).user_id)

    assert [await is_alive(auth, token) for token in tokens] == [False] * 3
    assert all([(await auth.session_of(token)).session_id in auth.revocations for token in tokens])


async def test_a_logout_of_all_ends_also_what_lay_idle_and_announces_only_what_may_have_an_access_token(
    auth: Auth,
) -> None:
    idle = await auth.ada_logs_in()
    auth.clock.advance(3_600)
    fresh = await auth.ada_logs_in()

    await auth.logout_all((await auth.session_of(fresh)).user_id)

    assert (await is_alive(auth, idle), await is_alive(auth, fresh)) == (False, False)
    assert (await auth.session_of(fresh)).session_id in auth.revocations
    assert (await auth.session_of(idle)).session_id not in auth.revocations


async def test_others_stay_logged_in(auth: Auth) -> None:
    await auth.register("grace@example.com", "correct horse", "Grace")
    grace = (await auth.login("grace@example.com", "correct horse")).refresh_token
    ada = await auth.ada_logs_in()

    await auth.logout_all((await auth.session_of(ada)).user_id)

    assert await is_alive(auth, grace)


async def test_a_login_after_a_logout_of_all_is_a_new_start(auth: Auth) -> None:
    before = await auth.ada_logs_in()
    await auth.logout_all((await auth.session_of(before)).user_id)

    assert await is_alive(auth, await auth.ada_logs_in())


async def test_an_account_that_is_gone_cannot_be_logged_out(auth: Auth) -> None:
    with pytest.raises(AccountGone):
        await auth.logout_all("nobody")


class MeanwhileLoggedOut(Passwords):
    """Verifies; and meanwhile all sessions are ended."""

    auth: Auth

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        verdict = await super().verify(password, password_hash)
        user = await self.auth.store.user_with_email("ada@example.com")
        assert user is not None
        await self.auth.logout_all(user.user_id)
        return verdict


async def test_a_login_that_was_under_way_when_all_sessions_were_ended_opens_none(auth: Auth) -> None:
    slow = MeanwhileLoggedOut(threads=1)
    slow.auth = auth
    try:
        with pytest.raises(InvalidCredentials):
            await replace(auth.login, passwords=slow)("ada@example.com", "correct horse")
    finally:
        slow.close()

    assert len(auth.revocations) == 1, "its access token, had it left, would be refused"


async def test_a_refresh_that_was_under_way_when_all_sessions_were_ended_answers_no_token(auth: Auth) -> None:
    """An idle session is not marked, so that its refresh moves it on all the same."""

    class MeanwhileEnded:
        def __getattr__(self, name: str) -> Any:
            return getattr(auth.store, name)

        async def rotate_session(self, session: Session, now: datetime) -> Session | None:
            await auth.logout_all(session.user_id)
            return await auth.store.rotate_session(session, now)

    token = await auth.ada_logs_in()
    auth.clock.advance(3_600)
    store: Any = MeanwhileEnded()

    with pytest.raises(InvalidRefreshToken):
        await replace(auth.refresh, store=store)(token)


async def test_a_new_password_ends_all_other_sessions(auth: Auth) -> None:
    mine, other = await auth.ada_logs_in(), await auth.ada_logs_in()

    await auth.change_password(await auth.caller(mine), "correct horse", NEW_PASSWORD)

    assert (await is_alive(auth, mine), await is_alive(auth, other)) == (True, False)
    with pytest.raises(InvalidCredentials):
        await auth.login("ada@example.com", "correct horse")
    assert await auth.login("ada@example.com", NEW_PASSWORD)


async def test_the_old_password_must_be_right(auth: Auth) -> None:
    mine, other = await auth.ada_logs_in(), await auth.ada_logs_in()

    with pytest.raises(WrongPassword):
        await auth.change_password(await auth.caller(mine), "wrong horse", NEW_PASSWORD)

    assert await is_alive(auth, other)
    assert await auth.login("ada@example.com", "correct horse")


async def test_a_new_password_is_held_to_the_rules_of_all_passwords(auth: Auth) -> None:
    mine = await auth.ada_logs_in()

    with pytest.raises(InvalidArgument) as caught:
        await auth.change_password(await auth.caller(mine), "", "short")

    assert [violation.field for violation in caught.value.violations] == ["old_password", "new_password"]


async def test_a_session_that_has_ended_changes_no_password(auth: Auth) -> None:
    mine = await auth.ada_logs_in()
    caller = await auth.caller(mine)
    await auth.logout(mine)

    with pytest.raises(SessionOver):
        await auth.change_password(caller, "correct horse", NEW_PASSWORD)


async def test_of_two_who_change_a_password_at_once_one_does(auth: Auth) -> None:
    tokens = [await auth.ada_logs_in() for _ in range(2)]
    callers = [await auth.caller(token) for token in tokens]

    outcomes = await asyncio.gather(
        *(
            auth.change_password(caller, "correct horse", f"{NEW_PASSWORD} {number}")
            for number, caller in enumerate(callers)
        ),
        return_exceptions=True,
    )

    (winner,) = [number for number, outcome in enumerate(outcomes) if outcome is None]
    assert isinstance(outcomes[1 - winner], SessionOver | WrongPassword)
    assert await auth.login("ada@example.com", f"{NEW_PASSWORD} {winner}")
    assert [await is_alive(auth, token) for token in tokens] == [number == winner for number in range(2)]


async def the_admin(auth: Auth) -> str:
    """The refresh token of an admin's session."""
    root = await auth.register("root@example.com", "correct horse", "Root")
    await auth.store.set_role(root.user_id, Role.ADMIN)
    return (await auth.login("root@example.com", "correct horse")).refresh_token


async def test_a_new_role_ends_the_sessions_of_its_account(auth: Auth) -> None:
    admin, ada = await the_admin(auth), await auth.ada_logs_in()
    user_id = (await auth.session_of(ada)).user_id

    user = await auth.set_user_role(await auth.caller(admin), user_id, Role.ADMIN)

    assert (user.user_id, user.role) == (user_id, Role.ADMIN)
    assert not await is_alive(auth, ada)
    assert await is_alive(auth, admin)


async def test_the_role_that_an_account_has_already_ends_nothing(auth: Auth) -> None:
    admin, ada = await the_admin(auth), await auth.ada_logs_in()

    await auth.set_user_role(await auth.caller(admin), (await auth.session_of(ada)).user_id, Role.CUSTOMER)

    assert await is_alive(auth, ada)


async def test_a_token_of_somebody_who_was_an_admin_changes_no_role(auth: Auth) -> None:
    admin, ada = await the_admin(auth), await auth.ada_logs_in()
    caller = await auth.caller(admin)
    await auth.store.set_role(caller.subject, Role.CUSTOMER)

    with pytest.raises(AdminRequired):
        await auth.set_user_role(caller, (await auth.session_of(ada)).user_id, Role.ADMIN)


async def test_a_role_is_given_to_an_account_that_exists(auth: Auth) -> None:
    caller = await auth.caller(await the_admin(auth))

    with pytest.raises(UserNotFound):
        await auth.set_user_role(caller, "nobody", Role.ADMIN)
    with pytest.raises(InvalidArgument) as caught:
        await auth.set_user_role(caller, "", None)
    assert [violation.field for violation in caught.value.violations] == ["user_id", "role"]


async def test_no_token_of_a_refresh_that_races_with_the_end_works_afterwards(auth: Auth) -> None:
    for turn in range(40):
        token = await auth.ada_logs_in()
        session = await auth.session_of(token)
        auth.clock.advance(turn // 4 % 2 * 3_600)  # an idle session has no access token yet that is to be refused
        got: list[str] = []

        async def refresh(token: str = token, got: list[str] = got) -> None:
            with suppress(InvalidRefreshToken):
                got.append((await auth.refresh(token)).refresh_token)

        end = auth.logout(token) if turn % 2 else auth.logout_all(session.user_id)
        await asyncio.gather(*(refresh() for _ in range(turn % 4)), end, refresh())

        assert not any([await is_alive(auth, token) for token in (*got, token)])
        assert session.session_id in auth.revocations or not got


async def test_a_restored_database_does_not_bring_an_ended_session_back(auth: Auth) -> None:
    """What is older than the account's epoch is over, whatever its own document says."""
    token = await auth.ada_logs_in()
    session = await auth.session_of(token)
    await auth.store.end_epoch(session.user_id)

    assert auth.refresh.refresh_tokens.newest_of(session) == token
    assert isinstance(auth.refresh.refresh_tokens, RefreshTokens)
    assert not await is_alive(auth, token)
