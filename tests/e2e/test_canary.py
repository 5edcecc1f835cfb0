"""Secrets that are sent wherever something can be sent turn up nowhere: in no log, no metric, no store, no error.

What names something is another matter: a path, a request id and the name of a field are the caller's own words for
what they ask, and stand in their own answer. A request id also stands in the logs, for that it is there.
"""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

import grpc
import httpx
import pytest
from google.protobuf.message import Message
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from deploy.local.credentials import kept_secrets
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from tests.attacks import raw_http1, raw_http2
from tests.e2e.conftest import Shop, bearer
from tests.e2e.places import SLOW_QUERIES, places_with

AUTH = "/ordermesh.auth.v1.AuthService"
OTHER_METHODS = {
    "auth": f"{AUTH}/GetCurrentUser",
    "orders": "/ordermesh.orders.v1.OrderService/ListOrders",
    "inventory": "/ordermesh.inventory.v1.InventoryService/GetReservation",
    "notifier": "/ordermesh.notifier.v1.NotifierService/ListNotifications",
}

TOO_LONG = 1_100
TOO_LARGE = 300_000


class Teller:
    """Tells secrets to the mesh, and keeps every answer that is an error."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.errors: list[str] = []
        self.successes = 0

    async def rest(self, method: str, path: str, **request: Any) -> httpx.Response:
        answer = await self.shop.http.request(method, path, **request)
        if answer.is_success:
            self.successes += 1
        else:
            self.errors.append(f"{answer.headers!r} {answer.text}")
        return answer

    async def raw_rest(self, request: bytes) -> None:
        status, body = await raw_http1.exchange(self.shop.stack.environment["GATEWAY_URL"], request)
        assert status >= 400
        self.errors.append(body.decode())

    async def call(self, service: str, method: str, request: Message | bytes = b"", *metadata: Any) -> None:
        serialised = request if isinstance(request, bytes) else request.SerializeToString()
        async with grpc.aio.insecure_channel(self.shop.stack.environment[f"{service.upper()}_ADDR"]) as channel:
            stub: Any = channel
            try:
                await stub.unary_unary(method)(serialised, metadata=metadata, timeout=15)
            except grpc.aio.AioRpcError as error:
                self.errors.append(f"{error.details()} {error.trailing_metadata()!r} {error.debug_error_string()}")
            else:
                self.successes += 1

    async def raw_call(self, service: str, method: str, *metadata: tuple[bytes, bytes]) -> None:
        answer = await raw_http2.call(self.shop.stack.environment[f"{service.upper()}_ADDR"], method, *metadata)
        self.errors.append(answer.decode("latin-1"))

    async def leaks(self, *secrets: str) -> list[str]:
        """Where one of them turned up."""
        errors = [f"an error: {error}" for error in self.errors if any(secret in error for secret in secrets)]
        return [*await places_with(self.shop, secrets), *errors]


@pytest.fixture
def teller(shop: Shop) -> Teller:
    return Teller(shop)


@pytest.fixture
def canary() -> str:
    """A secret that nobody else has, short enough for a MAC, and as good as any password."""
    return f"canary{uuid4().hex}"


async def in_every_header(teller: Teller, secret: str) -> None:
    basic = base64.b64encode(f"ada:{secret}".encode()).decode()
    for headers in (
        {"authorization": f"Bearer {secret}"},
        {"authorization": f"Basic {basic}"},
        {"authorization": f"Basic {secret}"},
        {"authorization": secret},
        {"proxy-authorization": f"Basic {secret}"},
        {"cookie": f"password={secret}"},
        {"x-password": secret},
        {"accept": secret},
        {"grpc-timeout": secret},
        {"traceparent": secret},
        {"idempotency-key": f"{secret} {secret}"},
        {"idempotency-key": secret * 10},
        {"content-type": secret},
        {"content-encoding": secret},
        {"expect": secret},
        {"host": secret},
        {"x-request-id": f"{secret} {secret}"},
    ):
        await teller.rest("POST", "/api/orders", headers=headers, content=b"{}")
        await teller.rest("GET", "/api/auth/me", headers=headers)
    for service, method in OTHER_METHODS.items():
        await teller.call(service, method, b"", ("authorization", f"Bearer {secret}"))
        await teller.call(service, method, b"", ("authorization", secret), ("x-password", secret))
        await teller.call(service, method, b"", ("password-bin", secret.encode()))
        await teller.raw_call(service, method, (b"authorization", f"Bearer {secret}\xff".encode("latin-1")))
        await teller.raw_call(service, method, (b"x-request-id", f"{secret}\xff".encode("latin-1")))


async def in_every_query(teller: Teller, secret: str) -> None:
    admin = bearer(teller.shop.admin)
    for path in ("/api/auth/me", "/api/inventory", "/api/orders", "/api/notifications", "/api/dead-letters"):
        for name in ("password", "pageSize", "pageToken", "state", "userId.x"):
            await teller.rest("GET", path, params={name: secret}, headers=admin)
    for path in ("/api/auth/login", "/api/auth/register", "/api/auth/refresh"):
        await teller.rest("POST", path, params={"password": secret, "refreshToken": secret}, json={})
        await teller.rest("GET", path, params={"password": secret})
    await teller.rest("GET", f"/api/inventory?password={secret}%ff")


async def in_every_body(teller: Teller, path: str, field: str, secret: str) -> None:
    wrong: list[Any] = [
        {field: [secret]},
        {field: {"value": secret}},
        {field: {secret: "value"}},
        {field: f"{secret}{'x' * TOO_LONG}"},
        {field: f"{secret}{'x' * TOO_LARGE}"},
        {field.upper(): secret},
        {"user": {field: secret}},
        {"email": secret, field: secret},
        {"email": f"{secret}@", field: secret},
        {"email": f"{secret} @example.com", field: secret},
        {"email": f"a@\u0661{secret}\u06f1.com", field: secret},
        {"email": [secret], field: secret},
        {"email": "ada@example.com", "name": secret * 10, field: f"{secret}{'x' * TOO_LONG}"},
        [secret],
        secret,
    ]
    for body in wrong:
        await teller.rest("POST", path, json=body)
    good = json.dumps({"email": "ada@example.com", field: secret})
    malformed: list[bytes] = [
        good[:-1].encode(),
        good[:-2].encode(),
        good.replace('"', "'").encode(),
        f"{good}{secret}".encode(),
        f'{{"{field}": {secret}}}'.encode(),
        f'{{"{field}": "{secret}", "{field}": "{secret}"}}'.encode(),
        f'{{"{field}": "{secret}\\ud800"}}'.encode(),
        f'{{"{field}": "{secret}\\q"}}'.encode(),
        f'{{"{field}": "{secret}\n"}}'.encode(),
        f'{{"{field}": "{secret}\xff"}}'.encode("latin-1"),
        b"[" * 5_000 + secret.encode(),
        good.encode("utf-16"),
    ]
    for text in malformed:
        await teller.rest("POST", path, content=text, headers={"content-type": "application/json"})
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        await teller.rest("POST", path, content=f"{field}={secret}".encode(), headers={"content-type": media})
    await teller.rest("POST", path, content=good.encode(), headers={"content-encoding": "gzip"})
    await teller.rest("PUT", path, json={field: secret})


async def in_a_websocket(teller: Teller, path: str, token: str = "") -> int:
    """Open one and read it to its end; 1 when it could be opened, else 0."""
    url = f"{teller.shop.stack.environment['GATEWAY_URL'].replace('http', 'ws')}{path}"
    subprotocols: Any = ["ordermesh.v1", f"bearer.{token}"] if token else None
    try:
        async with connect(url, subprotocols=subprotocols, proxy=None) as socket:
            with suppress(ConnectionClosedError):
                async for _ in socket:
                    pass
            teller.errors.append(f"{socket.response!r} {socket.close_reason}")
    except InvalidStatus as error:
        teller.errors.append(f"{error.response!r}")
        return 0
    return 1


async def in_no_http_at_all(teller: Teller, secret: str) -> None:
    text = secret.encode()
    for request in (
        b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: " + text + b"\r\n\r\n",
        b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\npassword " + text + b"\r\n\r\n",
        b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\npassword: " + text + b"\0\r\n\r\n",
        b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\npassword: " + text * 1_000 + b"\r\n\r\n",
        b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + text + b"\r\n\r\n",
        text + b"\r\n\r\n",
    ):
        await teller.raw_rest(request)


async def in_every_message(teller: Teller, make: Callable[[str], Message], method: str, secret: str) -> None:
    good = make(secret).SerializeToString()
    for request in (
        good,
        make(f"{secret}{'x' * TOO_LONG}").SerializeToString(),
        make(f"{secret}{'x' * TOO_LARGE}").SerializeToString(),
        good.replace(secret[-1:].encode(), b"\xff"),
        good[:-1],
        secret.encode(),
    ):
        await teller.call("auth", f"{AUTH}/{method}", request)


async def test_what_is_somewhere_is_found(teller: Teller, canary: str) -> None:
    shop = teller.shop
    account = {"email": f"ada-{uuid4().hex[:12]}@example.com", "password": "correct horse battery", "name": canary}
    await teller.rest("POST", "/api/auth/register", json=account, headers={"x-request-id": canary})
    token = await shop.log_in(account["email"], account["password"])
    order_id = (await shop.order(token, (await shop.item(1), 1))).json()["orderId"]
    await shop.settled()
    await shop.status(token, order_id)

    with_the_order = await places_with(shop, [order_id])
    with_the_name = {*await places_with(shop, [canary])} - {SLOW_QUERIES}
    assert with_the_name == {"the log auth.log", "the log gateway.log", "MongoDB auth.users"}
    assert {"SQS and SES", "MongoDB orders.orders", f"Redis {f'order:{order_id}'.encode()!r}"} <= set(with_the_order)
    assert await places_with(shop, ['grpc_method="ListNotifications"']) == ["the metrics of notifier"]


async def test_a_password_is_nowhere(teller: Teller, canary: str) -> None:
    account = {"email": f"ada-{uuid4().hex[:12]}@example.com", "password": canary}
    register = await teller.rest("POST", "/api/auth/register", json=account)
    login = await teller.rest("POST", "/api/auth/login", json=account)
    tokens = login.json()

    await teller.rest("POST", "/api/auth/register", json=account)
    await teller.rest("POST", "/api/auth/login", json=account | {"password": f"{canary}-wrong"})
    await teller.rest("POST", "/api/auth/login", json={"email": "nobody@example.com", "password": canary})
    for path in ("/api/auth/register", "/api/auth/login"):
        await in_every_body(teller, path, "password", canary)
    await in_every_query(teller, canary)
    await in_every_header(teller, canary)
    await in_no_http_at_all(teller, canary)
    for method, make in {
        "Register": lambda text: auth_pb2.RegisterRequest(email="ada", password=text),
        "Login": lambda text: auth_pb2.LoginRequest(email="nobody@example.com", password=text),
        "GetCurrentUser": lambda text: auth_pb2.LoginRequest(email=text),
    }.items():
        await in_every_message(teller, make, method, canary)

    refresh = await teller.rest("POST", "/api/auth/refresh", json={"refreshToken": tokens["refreshToken"]})
    secrets = [canary, *parts_that_are_secret(tokens), *parts_that_are_secret(refresh.json())]
    assert (register.status_code, login.status_code, refresh.status_code) == (201, 200, 200)
    assert await teller.leaks(*secrets) == []


async def test_a_refresh_token_is_nowhere(teller: Teller, canary: str) -> None:
    token = f"{'0' * 32}.1.{canary:A<43}"
    account = {"email": f"ada-{uuid4().hex[:12]}@example.com", "password": "correct horse battery"}
    await teller.rest("POST", "/api/auth/register", json=account)
    mine = (await teller.rest("POST", "/api/auth/login", json=account)).json()

    await teller.rest("POST", "/api/auth/refresh", json={"refreshToken": token})
    await in_every_body(teller, "/api/auth/refresh", "refreshToken", token)
    await in_every_query(teller, token)
    await in_every_header(teller, token)
    await in_every_message(teller, lambda text: auth_pb2.RefreshTokenRequest(refresh_token=text), "RefreshToken", token)
    await in_every_header(teller, mine["refreshToken"])
    await teller.rest("POST", "/api/auth/refresh", json={"refreshToken": f"{mine['refreshToken']}x"})
    await teller.rest("POST", "/api/auth/refresh", json={"refreshToken": mine["refreshToken"].replace(".1.", ".2.")})

    assert await teller.leaks(canary, *parts_that_are_secret(mine)) == []


async def test_a_ticket_and_a_token_for_a_websocket_are_nowhere(teller: Teller, canary: str) -> None:
    shop = teller.shop
    token = await shop.customer()
    order_id = (await shop.order(token, (await shop.item(1), 1))).json()["orderId"]
    asked = await teller.rest("POST", "/api/auth/tickets", json={"orderId": order_id}, headers=bearer(token))
    ticket, path = asked.json()["ticket"], f"/api/orders/{order_id}/events"

    events = await teller.rest("GET", path, params={"ticket": ticket})
    opened = await in_a_websocket(teller, f"{path}?ticket={ticket}") + await in_a_websocket(teller, path, token)
    for secret in (canary, f"{ticket}{canary}", f"Ticket {canary}"):
        await teller.rest("GET", path, params={"ticket": secret})
        await teller.rest("GET", path, params=[("ticket", secret), ("ticket", secret)], headers=bearer(token))
        await teller.rest("GET", "/api/orders", params={"ticket": secret}, headers=bearer(token))
        await teller.rest("GET", path, headers={"last-event-id": secret, **bearer(token)})
        await in_a_websocket(teller, f"{path}?ticket={secret.replace(' ', '%20')}")
        await in_a_websocket(teller, path, secret.replace(" ", "."))
        await in_a_websocket(teller, f"/api/nowhere?ticket={secret.replace(' ', '%20')}", token)

    assert (events.status_code, opened) == (200, 2)
    assert await teller.leaks(canary, ticket.rpartition(".")[2], token.rpartition(".")[2]) == []


async def test_a_client_secret_is_nowhere(teller: Teller, canary: str) -> None:
    for client_id in ("orders", "nobody", "", canary):
        make = partial(_service_token_request, client_id)
        await in_every_message(teller, make, "IssueServiceToken", canary)
    await teller.rest("POST", f"{AUTH}/IssueServiceToken", json={"clientId": "orders", "clientSecret": canary})
    await teller.rest("POST", "/api/auth/login", json={"clientId": "orders", "clientSecret": canary})

    assert teller.successes == 0
    assert await teller.leaks(canary) == []


async def test_the_secrets_of_the_mesh_itself_are_nowhere(teller: Teller) -> None:
    kept = kept_secrets(teller.shop.stack.state)
    request = auth_pb2.IssueServiceTokenRequest(client_id="orders", client_secret=kept["ORDERS_CLIENT_SECRET"])

    await teller.call("auth", f"{AUTH}/IssueServiceToken", request)

    assert teller.successes == 1
    assert await places_with(teller.shop, [*kept.values(), teller.shop.admin.rpartition(".")[2]]) == []


async def test_what_names_something_is_for_its_caller_only(teller: Teller, canary: str) -> None:
    answers = [
        await teller.rest("POST", "/api/auth/login", json={canary: "x"}),
        await teller.rest("GET", "/api/inventory", params={canary: "x"}),
        await teller.rest("GET", f"/api/{canary}"),
        await teller.rest("GET", f"/api/auth/me/{canary}"),
        await teller.rest("GET", f"/api/orders/{canary}"),
        await teller.rest("DELETE", f"/api/orders/{canary}"),
    ]
    for service, method in OTHER_METHODS.items():
        await teller.call(service, f"{method.rpartition('/')[0]}/{canary}")
        await teller.call(service, f"/{canary}/{canary}")

    assert all(canary in answer.text for answer in answers)
    assert {*await places_with(teller.shop, [canary])} <= {SLOW_QUERIES}


def _service_token_request(client_id: str, client_secret: str) -> Message:
    return auth_pb2.IssueServiceTokenRequest(client_id=client_id, client_secret=client_secret)


def parts_that_are_secret(tokens: dict[str, Any]) -> list[str]:
    """The signature and the MAC; what stands before them is no secret."""
    return [tokens["accessToken"].rpartition(".")[2], tokens["refreshToken"].rpartition(".")[2]]
