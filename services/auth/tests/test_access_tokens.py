"""What auth signs is what everybody takes, and nothing more."""

import pytest
from jwt import get_unverified_header

from chassis.call import ROLES
from chassis.testing import ManualClock
from chassis.tokens import TOKEN_BYTES_MAX, TokenVerifier
from services.auth.access_tokens import AccessTokens
from services.auth.email_address import EMAIL_LENGTH_MAX
from services.auth.keys import KeyRing, LocalKeys
from services.auth.tests.scene import JWT_SECRET
from services.auth.user import Role, User

CLOCK = ManualClock()
KEYS = KeyRing.derive(JWT_SECRET)
TOKENS = AccessTokens(KEYS, CLOCK)
VERIFIER = TokenVerifier(LocalKeys(KEYS), CLOCK)


def user(role: Role = Role.CUSTOMER, email: str = "ada@example.com") -> User:
    return User("0" * 32, email, "Ada", "hash", role, CLOCK.now())


def test_a_user_is_nothing_that_others_do_not_know() -> None:
    assert {role.value for role in Role} == ROLES


@pytest.mark.parametrize("role", Role)
async def test_a_users_token_says_who_it_is(role: Role) -> None:
    identity = await VERIFIER.verify(TOKENS.for_user(user(role), "s-1").text)

    assert (identity.kind, identity.subject, identity.email) == ("user", "0" * 32, "ada@example.com")
    assert (identity.session_id, identity.role) == ("s-1", role.value)
    assert identity.is_admin == (role is Role.ADMIN)


async def test_a_services_token_says_nothing_but_its_name() -> None:
    identity = await VERIFIER.verify(TOKENS.for_service("orders").text)

    assert (identity.kind, identity.subject, identity.is_admin) == ("service", "orders", False)
    assert (identity.session_id, identity.role, identity.email) == ("", "", "")


def test_the_header_says_the_key_the_algorithm_and_the_type() -> None:
    header = get_unverified_header(TOKENS.for_service("orders").text)

    assert header == {"alg": "EdDSA", "kid": KEYS.current.key_id, "typ": "at+jwt"}


def test_the_longest_token_of_ours_is_far_from_too_long() -> None:
    longest = TOKENS.for_user(user(Role.ADMIN, "a" * EMAIL_LENGTH_MAX), "0" * 32).text

    assert len(longest) < TOKEN_BYTES_MAX / 4
