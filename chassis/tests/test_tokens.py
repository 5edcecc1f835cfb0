"""Verifying tokens."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis.clock import SystemClock
from chassis.testing import ManualClock, TestIssuer
from chassis.tokens import TOKEN_BYTES_MAX, TokenExpired, TokenInvalid, TokenVerifier

issuer = TestIssuer()


async def test_a_users_token_says_who_it_is() -> None:
    identity = await issuer.verifier.verify(issuer.user("ada", role="admin", email="ada@example.com"))

    assert (identity.kind, identity.subject, identity.email) == ("user", "ada", "ada@example.com")
    assert identity.is_admin


async def test_a_services_token_is_no_users_and_never_an_admins() -> None:
    identity = await issuer.verifier.verify(issuer.service("orders"))

    assert (identity.kind, identity.subject, identity.is_admin) == ("service", "orders", False)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody-else"},
        {"iss": "somebody-else"},
        {"exp": None},
        {"sub": 7},
        {"role": ["admin"]},
        {"iat": datetime.now(UTC) + timedelta(minutes=5)},
    ],
)
async def test_a_token_with_wrong_claims_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid):
        await issuer.verifier.verify(issuer.user("ada", **claims))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "x" * (TOKEN_BYTES_MAX + 1),
        jwt.encode({"sub": "ada"}, "k" * 32, algorithm="HS256", headers={"typ": "at+jwt", "kid": TestIssuer.KEY_ID}),
        jwt.encode({"sub": "ada"}, "", algorithm="none", headers={"typ": "at+jwt", "kid": TestIssuer.KEY_ID}),
        TestIssuer().user("ada"),
    ],
)
async def test_a_forged_token_is_refused(token: str) -> None:
    with pytest.raises(TokenInvalid):
        await issuer.verifier.verify(token)


async def test_a_remembered_token_still_expires() -> None:
    clock = ManualClock(datetime.now(UTC))
    verifier = TokenVerifier(issuer, clock)
    token = issuer.user("ada")
    await verifier.verify(token)
    clock.advance(601)

    with pytest.raises(TokenExpired):
        await verifier.verify(token)


async def test_a_token_that_expired_before_is_refused() -> None:
    with pytest.raises(TokenExpired):
        await issuer.verifier.verify(issuer.user("ada", exp=datetime.now(UTC) - timedelta(minutes=1)))


async def test_a_remembered_token_dies_with_its_key() -> None:
    class Keys:
        def __init__(self) -> None:
            self.private_key = Ed25519PrivateKey.generate()
            self.is_published = True

        async def key(self, key_id: str) -> Ed25519PublicKey | None:
            return await issuer.key(key_id) if self.is_published else None

    keys = Keys()
    verifier = TokenVerifier(keys, SystemClock())
    token = issuer.user("ada")
    await verifier.verify(token)
    keys.is_published = False

    with pytest.raises(TokenInvalid):
        await verifier.verify(token)
