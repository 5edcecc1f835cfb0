"""Every forged token at every service and at the gateway: none opens anything, and none is trouble."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import uuid4

import grpc
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chassis.config import Secret
from chassis.errors import read_details
from chassis.mesh import KEYS_AGAIN_SECONDS, KEYS_REFRESH_SECONDS
from deploy.local.credentials import kept_secrets
from deploy.local.settings import SERVICES
from deploy.local.stack import Stack
from services.auth.keys import SigningKey
from tests.attacks import raw_http1, raw_http2
from tests.attacks.foreign_tokens import FOREIGN, service_claims, user_claims
from tests.attacks.forged_tokens import FORGED
from tests.attacks.jose import can_be_sent, compact, decoded
from tests.attacks.material import EVIL_KEY, Material
from tests.e2e.conftest import Shop

METHODS = {
    "auth": ["/ordermesh.auth.v1.AuthService/GetCurrentUser"],
    "orders": ["/ordermesh.orders.v1.OrderService/ListOrders", "/ordermesh.orders.v1.OrderService/ProcessOrder"],
    "inventory": [
        "/ordermesh.inventory.v1.InventoryService/GetReservation",
        "/ordermesh.inventory.v1.InventoryService/ReserveStock",
    ],
    "notifier": ["/ordermesh.notifier.v1.NotifierService/ListNotifications"],
}
"""What users, admins and services may call, in each service."""

ROUTES = ["/api/auth/me", "/api/orders", f"/api/reservations/{'0' * 32}", "/api/notifications"]

AT_ONCE = 20

FLOOD = 500


@dataclass(frozen=True)
class Attacker:
    """A customer with bad intentions, before a mesh."""

    shop: Shop
    material: Material

    def address(self, service: str) -> str:
        return self.shop.stack.environment[f"{service.upper()}_ADDR"]

    async def at_each_method(self, service: str, token: str) -> list[str]:
        """What a service's own port says to a token: the code and reason of each of its methods."""
        if can_be_sent(token):
            async with grpc.aio.insecure_channel(self.address(service)) as channel:
                return [await _called(channel, method, token) for method in METHODS[service]]
        value = (b"authorization", f"Bearer {token}".encode())
        answers = [await raw_http2.call(self.address(service), method, value) for method in METHODS[service]]
        refused = [raw_http2.UNAUTHENTICATED in answer for answer in answers]
        return ["UNAUTHENTICATED TOKEN_INVALID" if is_refused else "let in" for is_refused in refused]

    async def at_service(self, service: str, token: str) -> set[str]:
        """The same of all methods together."""
        return set(await self.at_each_method(service, token))

    async def at_gateway(self, token: str) -> set[str]:
        """What the gateway says to it."""
        url = self.shop.stack.environment["GATEWAY_URL"]
        value = (b"authorization", f"Bearer {token}".encode())
        answers = [await raw_http1.get(f"{url}{route}", value) for route in ROUTES]
        return {f"{status} {raw_http1.reason_of(body)}" for status, body in answers}


async def _called(channel: Any, method: str, token: str) -> str:
    try:
        await channel.unary_unary(method)(b"", metadata=(("authorization", f"Bearer {token}"),), timeout=15)
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name} {read_details(error).reason}"
    return "let in"


@pytest.fixture(scope="module")
async def material(stack: Stack) -> Material:
    """What the mesh gives to everybody, and to a new customer."""
    account = {"email": f"mallory-{uuid4().hex[:12]}@example.com", "password": "correct horse battery"}
    async with httpx.AsyncClient(base_url=stack.environment["GATEWAY_URL"], trust_env=False, timeout=15) as http:
        assert (await http.post("/api/auth/register", json=account)).status_code == 201
        tokens = (await http.post("/api/auth/login", json=account)).json()
        (key,) = (await http.get("/api/auth/jwks.json")).json()["keys"]
    public_key = Ed25519PublicKey.from_public_bytes(decoded(key["x"]))
    return Material(key["kid"], public_key, tokens["accessToken"], tokens["refreshToken"])


@pytest.fixture
def attacker(shop: Shop, material: Material) -> Attacker:
    return Attacker(shop, material)


class Logs:
    """What the processes write from now on."""

    def __init__(self, shop: Shop) -> None:
        self._files = {name: shop.stack.state.log_file(name) for name in (*SERVICES, "gateway")}
        self._begin = {name: path.stat().st_size for name, path in self._files.items()}

    def of(self, name: str) -> str:
        return self._files[name].read_bytes()[self._begin[name] :].decode()

    def trouble(self) -> list[str]:
        """The lines that tell of something that nobody expected."""
        signs = ("Traceback", " ERROR ", "code=INTERNAL", "code=UNKNOWN", "status=500")
        return [line for name in self._files for line in self.of(name).splitlines() if any(s in line for s in signs)]


async def in_turn(asked: Iterable[Awaitable[set[str]]]) -> list[set[str]]:
    """The answers, a few at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(question: Awaitable[set[str]]) -> set[str]:
        async with places:
            return await question

    return await asyncio.gather(*map(one, asked))


@pytest.mark.parametrize("service", SERVICES)
async def test_no_service_takes_a_forged_token(attacker: Attacker, service: str) -> None:
    logs = Logs(attacker.shop)
    tokens = {name: make(attacker.material) for name, make in FORGED.items()}

    answers = await in_turn(attacker.at_service(service, token) for token in tokens.values())

    refused = {"UNAUTHENTICATED TOKEN_INVALID"}
    assert {name: answer for name, answer in zip(tokens, answers, strict=True) if answer != refused} == {}
    assert logs.trouble() == []


async def test_the_gateway_takes_no_forged_token(attacker: Attacker) -> None:
    logs = Logs(attacker.shop)
    tokens = {name: make(attacker.material) for name, make in FORGED.items()}

    answers = await in_turn(attacker.at_gateway(token) for token in tokens.values())

    expected = {
        name: {"400 MALFORMED_REQUEST"} if any(sign in token for sign in "\0\n") else {"401 TOKEN_INVALID"}
        for name, token in tokens.items()
    }
    assert dict(zip(tokens, answers, strict=True)) == expected
    assert logs.trouble() == []


@pytest.mark.parametrize("service", [*SERVICES, "gateway"])
async def test_nobody_takes_a_token_that_our_key_signed_for_something_else(attacker: Attacker, service: str) -> None:
    logs = Logs(attacker.shop)
    key = SigningKey.derive(Secret(kept_secrets(attacker.shop.stack.state)["JWT_SECRET"]))
    tokens = {name: make(attacker.material.header, key.private_key.sign) for name, (make, _) in FOREIGN.items()}
    good = compact(attacker.material.header, user_claims(), key.private_key.sign)

    if service == "gateway":
        answers = await in_turn(attacker.at_gateway(token) for token in tokens.values())
        expected = {name: {f"401 {reason}"} for name, (_, reason) in FOREIGN.items()}
        let_in = await attacker.at_gateway(good)
    else:
        answers = await in_turn(attacker.at_service(service, token) for token in tokens.values())
        expected = {name: {f"UNAUTHENTICATED {reason}"} for name, (_, reason) in FOREIGN.items()}
        let_in = await attacker.at_service(service, good)

    assert dict(zip(tokens, answers, strict=True)) == expected
    assert not any("TOKEN_" in answer for answer in let_in), "they differ from a good one in one thing each"
    assert logs.trouble() == []


async def test_a_good_token_opens_what_it_is_for_and_nothing_else(attacker: Attacker) -> None:
    key = SigningKey.derive(Secret(kept_secrets(attacker.shop.stack.state)["JWT_SECRET"]))
    customer = attacker.material.own_token
    notifier = compact(
        attacker.material.header, service_claims(sub="notifier", client_id="notifier"), key.private_key.sign
    )
    methods = [method for service in SERVICES for method in METHODS[service]]

    answers = {
        who: [answer for service in SERVICES for answer in await attacker.at_each_method(service, token)]
        for who, token in {"customer": customer, "notifier": notifier}.items()
    }

    assert dict(zip(methods, answers["customer"], strict=True)) == {
        "/ordermesh.auth.v1.AuthService/GetCurrentUser": "let in",
        "/ordermesh.inventory.v1.InventoryService/GetReservation": "PERMISSION_DENIED ADMIN_REQUIRED",
        "/ordermesh.inventory.v1.InventoryService/ReserveStock": "PERMISSION_DENIED CALLER_NOT_ALLOWED",
        "/ordermesh.orders.v1.OrderService/ListOrders": "let in",
        "/ordermesh.orders.v1.OrderService/ProcessOrder": "PERMISSION_DENIED CALLER_NOT_ALLOWED",
        "/ordermesh.notifier.v1.NotifierService/ListNotifications": "PERMISSION_DENIED ADMIN_REQUIRED",
    }
    assert Counter(answers["notifier"]) == {
        "PERMISSION_DENIED CALLER_NOT_ALLOWED": 5,
        "NOT_FOUND ORDER_NOT_FOUND": 1,
    }


async def test_a_token_of_100_kb_gets_nowhere(attacker: Attacker) -> None:
    logs, token = Logs(attacker.shop), "A" * 100_000

    answers = [await attacker.at_service(service, token) for service in SERVICES]

    assert answers == [{"RESOURCE_EXHAUSTED RESOURCE_EXHAUSTED"}] * len(SERVICES)
    assert await attacker.at_gateway(token) == {"431 HEADERS_TOO_LARGE"}
    assert logs.trouble() == []


async def test_the_gateway_takes_a_token_from_nowhere_but_its_header(attacker: Attacker) -> None:
    http, token = attacker.shop.http, attacker.material.own_token

    answers = [
        await http.get("/api/auth/me", params={"access_token": token}),
        await http.get("/api/auth/me", headers={"cookie": f"access_token={token}; authorization=Bearer {token}"}),
        await http.get("/api/auth/me", headers={"x-forwarded-authorization": f"Bearer {token}"}),
        await http.get("/api/auth/me", headers=[("authorization", f"Bearer {token}")] * 2),
        await http.get("/api/auth/me", headers={"authorization": token}),
        await http.get("/api/auth/me", headers={"authorization": f"Basic {token}"}),
        await http.get("/api/auth/me", headers={"authorization": "Bearer"}),
        await http.post("/api/auth/refresh", json={"refreshToken": token}),
    ]

    assert [(answer.status_code, answer.json()["reason"]) for answer in answers] == [
        (400, "INVALID_REQUEST"),
        (401, "TOKEN_MISSING"),
        (401, "TOKEN_MISSING"),
        (401, "TOKEN_INVALID"),
        (401, "TOKEN_MISSING"),
        (401, "TOKEN_MISSING"),
        (401, "TOKEN_MISSING"),
        (400, "INVALID_REQUEST"),
    ]
    assert all("www-authenticate" in answer.headers for answer in answers if answer.status_code == 401)
    assert (await http.get("/api/auth/me", headers={"authorization": f"bEARER {token}"})).status_code == 200


async def test_a_flood_of_invented_keys_is_no_flood_for_auth(attacker: Attacker) -> None:
    logs, begun, m = Logs(attacker.shop), monotonic(), attacker.material
    tokens = [compact(m.header | {"kid": uuid4().hex}, m.claims, EVIL_KEY.sign) for _ in range(FLOOD)]

    forged, good = await asyncio.gather(
        in_turn(attacker.at_service("inventory", token) for token in tokens),
        in_turn(attacker.at_service("orders", m.own_token) for _ in range(FLOOD // 10)),
    )

    seconds = monotonic() - begun
    asked = logs.of("auth").count("AuthService/GetJsonWebKeySet")
    assert {text for answer in forged for text in answer} == {"UNAUTHENTICATED TOKEN_INVALID"}
    assert {text for answer in good for text in answer} == {"let in", "PERMISSION_DENIED CALLER_NOT_ALLOWED"}
    refreshes = len(SERVICES) * (1 + seconds / KEYS_REFRESH_SECONDS)
    assert asked <= 1 + seconds / KEYS_AGAIN_SECONDS + refreshes
