"""Customers of the mesh over REST: each asks until there is a definite answer, and writes it down."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any

import aiohttp

from chassis.background import running
from tests.faults.rig.journal import Journal
from tests.faults.rig.mesh import CREDENTIALS, Mesh

ANSWER_SECONDS = 15.0
"""How long a customer waits for an answer; the gateway's own deadline is 10 s."""

DEFINITE_SECONDS_MAX = 240.0
"""How long a customer asks the same thing again. Longer than any outage of the rig but one that is planned so."""

AGAIN_SECONDS = (0.05, 1.0)
TOKEN_SECONDS_MAX = 400.0
"""A token is replaced before it expires, after 600 s."""

READY_LOOK_SECONDS = 0.1

REGISTRATIONS_AT_ONCE = 8
SERVER_ERROR = 500
INDEFINITE = frozenset({401, 408, 429})
PASSWORD = "correct horse battery"


@dataclass(eq=False)
class Customer:
    """Somebody who orders. The token is renewed when it is refused."""

    name: str
    email: str
    password: str = PASSWORD
    user_id: str = ""
    token: str = ""
    token_time: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 when nothing did, and ``failure`` says how."""

    status: int
    body: Mapping[str, Any]
    failure: str = ""
    is_replayed: bool = False

    @property
    def is_definite(self) -> bool:
        """Whether asking the same again would be told the same."""
        return 0 < self.status < SERVER_ERROR and self.status not in INDEFINITE

    @property
    def reason(self) -> str:
        """The reason of a refusal."""
        return str(self.body.get("reason", ""))

    def __str__(self) -> str:
        return self.failure or f"{self.status} {self.reason}".strip()


class Gateways:
    """Which gateway to ask next: those that say that they are ready, in turn, as a load balancer would."""

    def __init__(self, urls: list[str]) -> None:
        self._ready = list(urls)
        self._urls = urls
        self._turn = 0

    def next(self) -> str:
        """The next one; any of them when none is ready."""
        candidates = self._ready or self._urls
        self._turn += 1
        return candidates[self._turn % len(candidates)]

    async def watch(self, http: aiohttp.ClientSession) -> None:
        """Look at their readiness for ever."""
        while True:
            ready = await asyncio.gather(*(self._is_ready(http, url) for url in self._urls))
            self._ready = [url for url, is_ready in zip(self._urls, ready, strict=True) if is_ready]
            await asyncio.sleep(READY_LOOK_SECONDS)

    async def _is_ready(self, http: aiohttp.ClientSession, url: str) -> bool:
        try:
            async with http.get(f"{url}/readyz", timeout=aiohttp.ClientTimeout(1)) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


class Shop:
    """The mesh as customers and the admin see it. Made by :func:`open_shop`."""

    def __init__(self, mesh: Mesh, http: aiohttp.ClientSession, gateways: Gateways, journal: Journal) -> None:
        self.mesh = mesh
        self.journal = journal
        self.admin = Customer("admin", CREDENTIALS["ADMIN_EMAIL"], CREDENTIALS["ADMIN_PASSWORD"])
        self.customers: list[Customer] = []
        self.skus: list[str] = []
        """What is on sale, as it was put there."""
        self.in_flight: Counter[str] = Counter()
        """Requests without an answer, by gateway."""
        self.first_answers = 0
        self.first_failures: Counter[str] = Counter()
        self.accepted: dict[str, Customer] = {}
        """Orders that were answered with 2xx."""
        self.violations: list[str] = []
        self._seen: dict[tuple[str, str], int] = {}
        self._http = http
        self._gateways = gateways
        self._random = Random(0)

    async def open(self, customers: int) -> None:
        """Log the admin in and register customers."""
        await self._log_in(self.admin)
        at_once = asyncio.Semaphore(REGISTRATIONS_AT_ONCE)

        async def register(number: int) -> Customer:
            async with at_once:
                return await self.register(f"c-{number}")

        self.customers += await asyncio.gather(*(register(number) for number in range(customers)))

    async def register(self, name: str) -> Customer:
        """A new customer, logged in; the address is <name>@example.com."""
        customer = Customer(name, f"{name}@example.com")
        account = {"email": customer.email, "password": PASSWORD, "name": "Grace"}
        await self.definite("POST", "/api/auth/register", customer, account)
        await self._log_in(customer)
        return customer

    async def item(self, sku: str, stock: int) -> None:
        """Put a new item on sale."""
        await self._renew(self.admin)
        price = {"currencyCode": "EUR", "minorUnits": "250"}
        body = {"sku": sku, "name": f"Item {sku}", "unitPrice": price, "initialStock": stock}
        answer = await self.definite("POST", "/api/inventory", self.admin, body)
        assert answer.status in (201, 409), answer
        self.skus.append(sku)

    async def stock(self, sku: str) -> dict[str, int]:
        """available, reserved and sold."""
        answer = await self.definite("GET", f"/api/inventory/{sku}", self.admin)
        return {name: answer.body[name] for name in ("available", "reserved", "sold")}

    async def place(
        self, customer: Customer, items: Mapping[str, int], key: str, *, is_patient: bool = True, twin: int = 0
    ) -> Answer:
        """Order; who is patient asks with the same key until there is a definite answer.

        ``twin`` tells calls of one customer apart that are under way at once: whose answer comes last may have been
        read first, so each sees for itself.
        """
        observer = f"{customer.name}.{twin}" if twin else customer.name
        await self._renew(customer)
        body = {"items": [{"sku": sku, "quantity": quantity} for sku, quantity in items.items()]}
        ask = self.definite if is_patient else self.ask
        answer = await ask("POST", "/api/orders", customer, body, {"idempotency-key": key})
        who = {"client": observer, "user": customer.user_id, "key": key, "items": dict(items)}
        if answer.status == 201:
            order = answer.body
            told = {"order_id": order["orderId"], "status": order["status"], "version": order["version"]}
            told["replayed"] = answer.is_replayed
            await self.journal.write("accepted", **who, **told)
            self.accepted[order["orderId"]] = customer
            self._see(observer, order["orderId"], order["version"])
        elif answer.is_definite:
            await self.journal.write("refused", **who, http_status=answer.status, reason=answer.reason)
        return answer

    async def cancel(self, customer: Customer, order_id: str) -> Answer:
        """Cancel an order, until there is a definite answer."""
        answer = await self.definite("POST", f"/api/orders/{order_id}/cancel", customer, {})
        who = {"client": customer.name, "order_id": order_id}
        if answer.status == 200:
            await self.journal.write("cancelled", **who, version=answer.body["version"])
            self._see(customer.name, order_id, answer.body["version"])
        else:
            await self.journal.write("not_cancelled", **who, reason=answer.reason)
        return answer

    async def look(self, customer: Customer, order_id: str) -> Answer:
        """Read an order once."""
        answer = await self.ask("GET", f"/api/orders/{order_id}", customer)
        if answer.status == 200:
            version, status = answer.body["version"], answer.body["status"]
            self.journal.note("saw", client=customer.name, order_id=order_id, status=status, version=version)
            self._see(customer.name, order_id, version)
        elif answer.is_definite:
            self.violations.append(f"I3: order {order_id} was accepted and is answered with {answer}")
        return answer

    async def definite(
        self,
        method: str,
        path: str,
        customer: Customer,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask until there is a definite answer.

        :raises TimeoutError: when there is none for ``DEFINITE_SECONDS_MAX``.
        """
        pause, longest = AGAIN_SECONDS
        async with asyncio.timeout(DEFINITE_SECONDS_MAX):
            answer = await self.ask(method, path, customer, body, headers)
            while not answer.is_definite:
                if answer.status == 401 and not path.startswith("/api/auth"):
                    await self._log_in(customer)
                await asyncio.sleep(pause * self._random.uniform(0.5, 1.5))
                pause = min(2 * pause, longest)
                answer = await self.ask(method, path, customer, body, headers, is_first=False)
        return answer

    async def ask(
        self,
        method: str,
        path: str,
        customer: Customer,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        is_first: bool = True,
    ) -> Answer:
        """Ask once; whatever goes wrong is an answer too."""
        url = self._gateways.next()
        identity = {"authorization": f"Bearer {customer.token}"} if customer.token else {}
        self.in_flight[url] += 1
        try:
            async with self._http.request(
                method, url + path, json=body, headers={**identity, **(headers or {})}
            ) as got:
                answer = Answer(
                    got.status,
                    await got.json(content_type=None) or {},
                    is_replayed=got.headers.get("idempotent-replayed") == "true",
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            answer = Answer(0, {}, type(error).__name__)
        finally:
            self.in_flight[url] -= 1
        if is_first:
            self.first_answers += 1
            if not answer.is_definite:
                self.first_failures[f"{method} {_route(path)}: {answer}"] += 1
        return answer

    async def log_in(self, customer: Customer) -> Answer:
        """Log in once."""
        body = {"email": customer.email, "password": customer.password}
        return await self.ask("POST", "/api/auth/login", Customer("nobody", ""), body)

    async def _log_in(self, customer: Customer) -> None:
        body = {"email": customer.email, "password": customer.password}
        tokens = await self.definite("POST", "/api/auth/login", Customer("nobody", ""), body)
        customer.token, customer.token_time = tokens.body["accessToken"], monotonic()
        if not customer.user_id:
            me = await self.definite("GET", "/api/auth/me", customer)
            customer.user_id = me.body["userId"]

    async def _renew(self, customer: Customer) -> None:
        if monotonic() - customer.token_time > TOKEN_SECONDS_MAX:
            customer.token_time = monotonic()  # once: others of the same customer go on with the old one
            await self._log_in(customer)

    def _see(self, observer: str, order_id: str, version: int) -> None:
        known = self._seen.get((observer, order_id), 0)
        if version < known:
            self.violations.append(f"VERSIONS: {observer} saw order {order_id} go back to version {version}")
        self._seen[observer, order_id] = max(version, known)


def _route(path: str) -> str:
    """The path without what differs between orders and items."""
    parts = path.split("/")
    return "/".join(part if index < 3 or index > 3 else "*" for index, part in enumerate(parts))


@asynccontextmanager
async def open_shop(mesh: Mesh, journal: Journal, customers: int) -> AsyncIterator[Shop]:
    """The mesh with an admin and ``customers``."""
    timeout = aiohttp.ClientTimeout(ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http:
        gateways = Gateways(list(mesh.gateway_urls))
        async with running(asyncio.create_task(gateways.watch(http))):
            shop = Shop(mesh, http, gateways, journal)
            await shop.open(customers)
            yield shop
