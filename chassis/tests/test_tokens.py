"""Verifying tokens."""

from datetime import UTC, datetime
from time import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis import tokens
from chassis.clock import SystemClock
from chassis.errors import Unauthenticated
from chassis.testing import ManualClock, TestIssuer
from chassis.tokens import CLOCK_SKEW_SECONDS, TOKEN_BYTES_MAX, TokenExpired, TokenInvalid, TokenVerifier

issuer = TestIssuer()


class CountingKeys:
    """The issuer's keys, and how often they were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    async def key(self, key_id: str) -> Ed25519PublicKey | None:
        self.asked += 1
        return await issuer.key(key_id)


async def test_a_users_token_says_who_it_is() -> None:
    identity = await issuer.verifier.verify(issuer.user("ada", role="admin", email="ada@example.com"))

    assert (identity.kind, identity.subject, identity.email) == ("user", "ada", "ada@example.com")
    assert identity.is_admin


async def test_a_services_token_is_no_users_and_never_an_admins() -> None:
    identity = await issuer.verifier.verify(issuer.service("orders"))

    assert (identity.kind, identity.subject, identity.is_admin) == ("service", "orders", False)


async def test_what_is_no_token_is_refused() -> None:
    """All that attackers can make of them is in tests/attacks."""
    for token in ("", "a.b.c", "x" * (TOKEN_BYTES_MAX + 1), TestIssuer().user("ada")):
        with pytest.raises(TokenInvalid):
            await issuer.verifier.verify(token)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
async def test_auths_clock_may_be_ahead_by_so_much(claim: str) -> None:
    clock = ManualClock()
    verifier = TokenVerifier(issuer, clock)
    now = int(clock.now().timestamp())
    times: dict[str, Any] = {"iat": now, "nbf": now, "exp": now + 600}
    ahead = issuer.user("ada", **(times | {claim: now + CLOCK_SKEW_SECONDS}))
    too_far = issuer.user("ada", **(times | {claim: now + CLOCK_SKEW_SECONDS + 1}))

    assert (await verifier.verify(ahead)).subject == "ada"
    with pytest.raises(TokenInvalid):
        await verifier.verify(too_far)


async def test_a_token_is_over_when_it_says_so_and_no_second_later() -> None:
    clock = ManualClock()
    now = int(clock.now().timestamp())
    token = issuer.user("ada", iat=now, exp=now + 600)
    clock.advance(599.9)
    await TokenVerifier(issuer, clock).verify(token)
    clock.advance(0.1)

    with pytest.raises(TokenExpired):
        await TokenVerifier(issuer, clock).verify(token)


async def test_tokens_that_are_refused_take_nobodys_place_in_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CACHE_TOKENS_MAX", 1)
    keys = CountingKeys()
    verifier = TokenVerifier(keys, SystemClock())
    token = issuer.user("ada")
    await verifier.verify(token)
    for refused in (issuer.user("bob", exp=int(time())), issuer.user("bob", aud="web"), f"{token}=="):
        with pytest.raises(Unauthenticated):
            await verifier.verify(refused)
    keys.asked = 0

    await verifier.verify(token)

    assert keys.asked == 1, "twice would mean: it was verified again"


async def test_the_memory_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CACHE_TOKENS_MAX", 2)
    keys = CountingKeys()
    verifier = TokenVerifier(keys, SystemClock())
    remembered = [issuer.user("ada") for _ in range(3)]
    for token in remembered:
        await verifier.verify(token)

    asked = []
    for token in reversed(remembered):
        keys.asked = 0
        await verifier.verify(token)
        asked.append(keys.asked)

    assert asked == [1, 1, 2]


async def test_a_remembered_token_still_expires() -> None:
    clock = ManualClock(datetime.now(UTC))
    verifier = TokenVerifier(issuer, clock)
    token = issuer.user("ada")
    await verifier.verify(token)
    clock.advance(601)

    with pytest.raises(TokenExpired):
        await verifier.verify(token)


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
