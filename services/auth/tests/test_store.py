"""What every store keeps: one suite over memory and MongoDB."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.testing import ManualClock
from services.auth.errors import EmailTaken
from services.auth.session import begin_session
from services.auth.store import AuthStore
from services.auth.user import Role, User, new_customer


@pytest.fixture
def ada(clock: ManualClock) -> User:
    return new_customer("ada@example.com", "Ada Lovelace", "$argon2id$ada", clock.now())


async def test_an_account_is_found_by_its_id_and_by_its_address(store: AuthStore, ada: User) -> None:
    await store.add_user(ada)

    assert await store.user(ada.user_id) == ada
    assert await store.user_with_email("ada@example.com") == ada


async def test_an_account_that_does_not_exist_is_none(store: AuthStore) -> None:
    assert await store.user("nobody") is None
    assert await store.user_with_email("nobody@example.com") is None
    assert await store.set_role("nobody", Role.ADMIN) is None


async def test_of_many_who_want_one_address_one_gets_it(store: AuthStore, ada: User) -> None:
    twins = [replace(ada, user_id=f"ada-{number}") for number in range(10)]

    outcomes = await asyncio.gather(*(store.add_user(twin) for twin in twins), return_exceptions=True)

    (winner,) = [twin for twin, outcome in zip(twins, outcomes, strict=True) if outcome is None]
    assert sum(isinstance(outcome, EmailTaken) for outcome in outcomes) == 9
    assert await store.user_with_email("ada@example.com") == winner


async def test_a_taken_address_is_not_repeated_in_the_error(store: AuthStore, ada: User) -> None:
    await store.add_user(ada)

    with pytest.raises(EmailTaken) as caught:
        await store.add_user(replace(ada, user_id="another"))

    assert "ada@example.com" not in f"{caught.value} {caught.value.__cause__}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_many_accounts_are_kept_and_those_with_a_taken_address_are_named(
    store: AuthStore, ada: User, clock: ManualClock
) -> None:
    await store.add_user(ada)
    bob, eve = [new_customer(f"{name}@example.com", name, "$argon2id$x", clock.now()) for name in ("bob", "eve")]

    taken = await store.add_users([bob, replace(ada, user_id="another", name="Another"), eve])

    assert taken == ["ada@example.com"]
    assert await store.user_with_email("ada@example.com") == ada
    assert [await store.user(user.user_id) for user in (bob, eve)] == [bob, eve]


async def test_keeping_many_accounts_again_changes_nothing(store: AuthStore, ada: User, clock: ManualClock) -> None:
    users = [ada, new_customer("bob@example.com", "Bob", "$argon2id$x", clock.now())]

    assert await store.add_users(users) == []
    assert await store.add_users(users) == ["ada@example.com", "bob@example.com"]
    assert await store.add_users([]) == []
    assert [await store.user(user.user_id) for user in users] == users


async def test_a_role_is_changed(store: AuthStore, ada: User) -> None:
    await store.add_user(ada)

    changed = await store.set_role(ada.user_id, Role.ADMIN)

    assert changed == replace(ada, role=Role.ADMIN, session_epoch=1) == await store.user(ada.user_id)


async def test_a_hash_is_replaced_only_while_it_is_the_one_that_was_read(store: AuthStore, ada: User) -> None:
    await store.add_user(ada)

    await store.replace_password_hash(ada.user_id, "$argon2id$stale", "$argon2id$lost")
    await store.replace_password_hash(ada.user_id, "$argon2id$ada", "$argon2id$new")
    await store.replace_password_hash("nobody", "$argon2id$ada", "$argon2id$new")

    assert await store.user(ada.user_id) == replace(ada, password_hash="$argon2id$new")


async def test_a_session_is_kept_as_it_was_given(store: AuthStore, ada: User, clock: ManualClock) -> None:
    session = begin_session(ada, clock.now())

    await store.add_session(session)

    assert await store.session(session.session_id) == session
    assert await store.session("another") is None


async def test_a_session_moves_on_by_one(store: AuthStore, ada: User, clock: ManualClock) -> None:
    session = begin_session(ada, clock.now())
    await store.add_session(session)
    clock.advance(60)

    rotated = await store.rotate_session(session, clock.now())

    assert rotated == replace(
        session, generation=2, rotate_time=clock.now(), idle_expire_time=clock.now() + timedelta(days=7)
    )
    assert await store.session(session.session_id) == rotated


async def test_of_many_who_move_a_session_on_one_does_and_all_see_it(
    store: AuthStore, ada: User, clock: ManualClock
) -> None:
    session = begin_session(ada, clock.now())
    await store.add_session(session)

    answers = await asyncio.gather(*(store.rotate_session(session, clock.now()) for _ in range(20)))

    assert [answer.generation for answer in answers if answer is not None] == [2] * 20


async def test_a_revoked_session_stays_where_it_is(store: AuthStore, ada: User, clock: ManualClock) -> None:
    session = begin_session(ada, clock.now())
    await store.add_session(session)
    revoked = replace(session, revoke_time=clock.now())

    await store.revoke_session(session.session_id, clock.now())
    clock.advance(60)
    await store.revoke_session(session.session_id, clock.now())

    assert await store.rotate_session(session, clock.now()) == revoked
    assert await store.session(session.session_id) == revoked


async def test_a_session_that_is_no_more_is_not_moved_on(store: AuthStore, ada: User, clock: ManualClock) -> None:
    assert await store.rotate_session(begin_session(ada, clock.now()), clock.now()) is None


async def test_of_all_sessions_that_are_ended_only_those_that_may_have_an_access_token_are_told(
    store: AuthStore, ada: User, clock: ManualClock
) -> None:
    forgotten = [begin_session(ada, clock.now()) for _ in range(1_000)]
    refreshed = begin_session(ada, clock.now())
    await asyncio.gather(*(store.add_session(session) for session in (*forgotten, refreshed)))
    clock.advance(3_600)
    opened = begin_session(ada, clock.now())
    await store.add_session(opened)
    await store.rotate_session(refreshed, clock.now())
    clock.advance(600)

    told = await store.revoke_sessions(replace(ada, session_epoch=1), clock.now())

    ids = {refreshed.session_id, opened.session_id}
    assert {(one.session_id, one.time) for one in told} == {(session_id, clock.now()) for session_id in ids}
    assert {one.session_id for one in await store.revoked_since(clock.now())} == ids
