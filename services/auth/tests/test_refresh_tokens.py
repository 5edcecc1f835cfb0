"""Refresh tokens: made again from a session, believed only with the right MAC."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from chassis.config import Secret
from services.auth.refresh_tokens import PresentedToken, RefreshTokens, parse_refresh_token
from services.auth.session import Session, begin_session
from services.auth.user import new_customer

SECRET = Secret("the secret that refresh tokens are made with")
ANOTHER = Secret("some other secret of the same long length...")


@pytest.fixture
def session() -> Session:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    return begin_session(new_customer("ada@example.com", "Ada Lovelace", "$argon2id$ada", now), now)


def presented(text: str) -> PresentedToken:
    token = parse_refresh_token(text)
    assert token is not None
    return token


def test_the_token_of_a_generation_can_be_made_again(session: Session) -> None:
    assert RefreshTokens(SECRET).newest_of(session) == RefreshTokens(SECRET).newest_of(session)


def test_each_generation_has_its_own_token_and_all_of_them_are_genuine(session: Session) -> None:
    tokens = RefreshTokens(SECRET)

    first, second = tokens.newest_of(session), tokens.newest_of(replace(session, generation=2))

    assert first != second
    assert tokens.is_genuine(presented(first), session)
    assert tokens.is_genuine(presented(second), session)


def test_a_token_of_another_generation_or_session_or_secret_is_not_genuine(session: Session) -> None:
    tokens = RefreshTokens(SECRET)
    token = presented(tokens.newest_of(session))

    assert not tokens.is_genuine(replace(token, generation=2), session)
    assert not tokens.is_genuine(token, replace(session, salt=b"another salt"))
    assert not RefreshTokens(ANOTHER).is_genuine(token, session)


def test_tokens_of_the_previous_secret_stay_genuine(session: Session) -> None:
    old = RefreshTokens(ANOTHER).newest_of(session)
    rotated = RefreshTokens(SECRET, previous=ANOTHER)

    assert rotated.is_genuine(presented(old), session)
    assert rotated.newest_of(session) == RefreshTokens(SECRET).newest_of(session)


def test_while_the_secret_is_rotated_replicas_of_neighbouring_steps_take_each_others_tokens(session: Session) -> None:
    steps = [
        RefreshTokens(SECRET),
        RefreshTokens(SECRET, previous=ANOTHER),
        RefreshTokens(ANOTHER, previous=SECRET),
        RefreshTokens(ANOTHER),
    ]

    for earlier, later in pairwise(steps):
        assert later.is_genuine(presented(earlier.newest_of(session)), session)
        assert earlier.is_genuine(presented(later.newest_of(session)), session)
    assert not steps[0].is_genuine(presented(steps[2].newest_of(session)), session), "so no step can be left out"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        f"{'a' * 32}.1",
        f"{'a' * 32}.0.{'b' * 43}",
        f"{'a' * 32}.01.{'b' * 43}",
        f"{'a' * 32}.-1.{'b' * 43}",
        f"{'a' * 32}.{'9' * 10}.{'b' * 43}",
        f"{'a' * 32}.\u0661.{'b' * 43}",
        f"{'a' * 32}.1.{'b' * 42}",
        f"{'a' * 32}.1.{'b' * 43}\n",
        f"{'A' * 32}.1.{'b' * 43}",
    ],
)
def test_what_has_not_the_form_of_a_token_is_none(text: str) -> None:
    assert parse_refresh_token(text) is None


def test_what_is_secret_about_a_token_does_not_show_itself(session: Session) -> None:
    token = presented(RefreshTokens(SECRET).newest_of(session))

    assert token.mac not in repr(token)
    assert repr(session.salt) not in repr(session)
