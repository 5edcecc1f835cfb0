"""The test harness: a real server with its full chain on 127.0.0.1, and tokens that it accepts."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis.clock import SystemClock
from chassis.errors import ErrorDetails, read_details
from chassis.mongo import Database, Document
from chassis.server import Application, ServerConfig, Service, running_server
from chassis.tokens import ALGORITHM, AUDIENCE, ISSUER, TICKET_TYPE, TOKEN_TYPE, TokenVerifier

LOGGED_SECONDS_MAX = 10.0
LOOK_SECONDS = 0.005

TEST_SERVER = ServerConfig(
    listen_host="127.0.0.1",
    grpc_port=0,
    metrics_port=None,
    log_level="warning",
    log_format="text",
    lame_duck_seconds=0.001,
    drain_seconds=1.0,
    concurrent_calls_max=1000,
    concurrent_streams_max=1000,
    connection_age_seconds=600,
)


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        """See :class:`chassis.clock.Clock`."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._now += timedelta(seconds=seconds)


class TestIssuer:
    """Signs tokens with a key of its own, and is the key source that knows it."""

    __test__ = False
    KEY_ID = "test-key"

    def __init__(self) -> None:
        self._private_key = Ed25519PrivateKey.generate()

    async def key(self, key_id: str) -> Ed25519PublicKey | None:
        """See :class:`chassis.tokens.KeySource`."""
        return self._private_key.public_key() if key_id == self.KEY_ID else None

    @property
    def verifier(self) -> TokenVerifier:
        """A verifier that accepts this issuer's tokens."""
        return TokenVerifier(self, SystemClock())

    def user(self, user_id: str, *, role: str = "customer", email: str = "", **claims: object) -> str:
        """A user's access token."""
        return self._sign(
            {"sub": user_id, "role": role, "email": email or f"{user_id}@example.com", "sid": "s-1"} | claims
        )

    def admin(self, user_id: str = "root") -> str:
        """An admin's access token."""
        return self.user(user_id, role="admin")

    def ticket(self, user_id: str, resource: str, **claims: object) -> str:
        """A user's ticket for one thing. It lets them stay for ten minutes."""
        who = {"sub": user_id, "role": "customer", "email": f"{user_id}@example.com", "sid": "s-1"}
        end = int((datetime.now(UTC) + timedelta(minutes=10)).timestamp())
        return self._sign({**who, "for": resource, "end": end, **claims}, TICKET_TYPE)

    def service(self, client_id: str) -> str:
        """A service's token."""
        return self._sign({"sub": client_id, "client_id": client_id})

    def signature(self, text: bytes) -> bytes:
        """The key's signature of any text, for tokens that are made by hand."""
        return self._private_key.sign(text)

    def _sign(self, claims: dict[str, object], token_type: str = TOKEN_TYPE) -> str:
        now = datetime.now(UTC)
        standard = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + timedelta(minutes=10), "jti": uuid4().hex}
        headers = {"typ": token_type, "kid": self.KEY_ID}
        return jwt.encode(standard | claims, self._private_key, algorithm=ALGORITHM, headers=headers)


def bearer(token: str, *metadata: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Call metadata with a token."""
    return (("authorization", f"Bearer {token}"), *metadata)


@asynccontextmanager
async def served(
    *services: Service, issuer: TestIssuer, config: ServerConfig = TEST_SERVER
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a real server of ``services`` with the full chain of layers."""
    application = Application(services=services, verifier=issuer.verifier)
    async with (
        running_server(config, application, "127.0.0.1:0") as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield channel


async def refused(call: Awaitable[object], code: grpc.StatusCode, reason: str) -> ErrorDetails:
    """The details of the error that ``call`` must end with."""
    error = None
    try:
        await call
    except grpc.aio.AioRpcError as caught:
        error = caught
    assert error is not None, f"the call was not refused with {reason}"
    details = read_details(error)
    assert (error.code(), details.reason) == (code, reason)
    return details


async def logged_calls(records: Sequence[logging.LogRecord], count: int) -> list[Mapping[str, Any]]:
    """The fields of the lines about calls among ``records``, once there are ``count``: a line follows its answer."""
    async with asyncio.timeout(LOGGED_SECONDS_MAX):
        while len(lines := _calls_in(records)) < count:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(LOOK_SECONDS)
    return lines


def _calls_in(records: Sequence[logging.LogRecord]) -> list[Mapping[str, Any]]:
    return [vars(record)["fields"] for record in records if record.name == "ordermesh.rpc"]


@asynccontextmanager
async def collecting_scans(database: Database) -> AsyncIterator[list[Document]]:
    """Collects what MongoDB's own profiler says of the block's queries that used no index.

    The list is filled when the block ends: one entry a query, with its collection and its filter.
    """
    scans: list[Document] = []
    await database.command("profile", 2)
    try:
        yield scans
    finally:
        await database.command("profile", 0)
    entries = await database["system.profile"].find({"planSummary": "COLLSCAN"}).to_list()
    scans.extend(
        {"collection": entry["ns"].partition(".")[2], "command": entry["command"]}
        for entry in entries
        if not entry["ns"].endswith(".system.profile")
    )


@asynccontextmanager
async def failing(database: Database, *commands: str, times: int | None = 1, **failure: object) -> AsyncIterator[None]:
    """MongoDB fails the next ``times`` of these commands (None: all).

    Only those of this database's client. ``failure`` is what MongoDB's own fail point ``failCommand`` knows:
    ``errorCode`` and ``closeConnection`` fail a command before it is done, ``writeConcernError`` after;
    ``blockConnection`` with ``blockTimeMS`` delays it. The server must run with ``enableTestCommands``.
    """
    admin = database.client.admin
    mode: object = "alwaysOn" if times is None else {"times": times}
    where = {"failCommands": list(commands), "appName": database.client.options.pool_options.appname}
    await admin.command("configureFailPoint", "failCommand", mode=mode, data=where | failure)
    try:
        yield
    finally:
        await admin.command("configureFailPoint", "failCommand", mode="off")


__all__: Sequence[str] = (
    "TEST_SERVER",
    "ManualClock",
    "TestIssuer",
    "bearer",
    "collecting_scans",
    "failing",
    "served",
)
