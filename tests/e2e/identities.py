"""Everybody who might call: each a name and the token that they hold against the mesh."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from chassis.clock import SystemClock
from chassis.config import Secret
from chassis.tokens import ALGORITHM, AUDIENCE, ISSUER, TOKEN_TYPE
from deploy.local.credentials import kept_secrets
from deploy.local.settings import SERVICES
from services.auth.access_tokens import AccessTokens
from services.auth.keys import KeyRing
from tests.e2e.conftest import Shop, bearer
from tests.refusals import until_refused

PASSWORD = "correct horse battery"
CALLERS = ("orders", "notifier", "gateway")


@dataclass(frozen=True)
class Identity:
    """Somebody with a token, and what the contract makes of them.

    ``kind``: ``nobody`` (no valid token), ``customer``, ``admin``, or a service's name.
    """

    name: str
    kind: str
    token: str


class Past(SystemClock):
    """A clock that is late."""

    def now(self) -> datetime:
        """See :class:`chassis.clock.Clock`."""
        return super().now() - timedelta(hours=1)


async def identities(shop: Shop) -> list[Identity]:
    """All of them. What was revoked or demoted is refused everywhere by now."""
    keys = KeyRing.derive(Secret(kept_secrets(shop.stack.state)["JWT_SECRET"]))
    services = AccessTokens(keys, SystemClock())
    claims = jwt.decode(await shop.customer(), options={"verify_signature": False})
    headers = {"typ": TOKEN_TYPE, "kid": keys.current.key_id}
    elsewhere = jwt.encode(
        claims | {"aud": "elsewhere"}, keys.current.private_key, algorithm=ALGORITHM, headers=headers
    )
    revoked, demoted = await _revoked(shop), await _demoted(shop)
    await asyncio.gather(*(refused_everywhere(shop, token) for token in (revoked, demoted)))
    assert (claims["iss"], claims["aud"]) == (ISSUER, AUDIENCE)
    return [
        Identity("nobody", "nobody", ""),
        Identity("a customer", "customer", await shop.customer()),
        Identity("an admin", "admin", shop.admin),
        Identity("who was an admin", "nobody", demoted),
        Identity("who logged out", "nobody", revoked),
        Identity("whose token has expired", "nobody", _expired(keys, claims)),
        Identity("whose token is for somebody else", "nobody", elsewhere),
        Identity("whose token is a refresh token", "nobody", (await new_session(shop))["refreshToken"]),
        *(Identity(f"the service {name}", name, services.for_service(name).text) for name in CALLERS),
        Identity("a service of the past", "nobody", AccessTokens(keys, Past()).for_service("orders").text),
    ]


async def new_session(shop: Shop) -> dict[str, str]:
    """The tokens of a new customer."""
    email = f"somebody-{asyncio.get_running_loop().time()}@example.com"
    account = {"email": email, "password": PASSWORD}
    assert (await shop.http.post("/api/auth/register", json=account)).status_code == 201
    answer = await shop.http.post("/api/auth/login", json=account)
    return {"email": email, **answer.json()}


async def refused_everywhere(shop: Shop, token: str) -> None:
    """Wait until every service says that the token's session was ended."""
    addresses = {service: [shop.stack.environment[f"{service.upper()}_ADDR"]] for service in SERVICES}
    await until_refused(addresses, token)


def _expired(keys: KeyRing, claims: dict[str, object]) -> str:
    return _signed(keys, claims | {name: int(str(claims[name])) - 3600 for name in ("iat", "exp")})


def _signed(keys: KeyRing, claims: dict[str, object]) -> str:
    headers = {"typ": TOKEN_TYPE, "kid": keys.current.key_id}
    return jwt.encode(claims, keys.current.private_key, algorithm=ALGORITHM, headers=headers)


async def _revoked(shop: Shop) -> str:
    session = await new_session(shop)
    answer = await shop.http.post("/api/auth/logout", json={"refreshToken": session["refreshToken"]})
    assert answer.status_code == 200, answer.text
    return session["accessToken"]


async def _demoted(shop: Shop) -> str:
    session = await new_session(shop)
    me = await shop.http.get("/api/auth/me", headers=bearer(session["accessToken"]))
    role = f"/api/auth/users/{me.json()['userId']}/role"
    assert (await shop.http.post(role, json={"role": "ADMIN"}, headers=bearer(shop.admin))).status_code == 200
    token = await shop.log_in(session["email"], PASSWORD)
    assert (await shop.http.get("/api/notifications", headers=bearer(token))).status_code == 200
    assert (await shop.http.post(role, json={"role": "CUSTOMER"}, headers=bearer(shop.admin))).status_code == 200
    return token
