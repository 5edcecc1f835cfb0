"""What a process needs of auth: the keys that tokens are verified with, and its own token."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

from chassis.channels import call, open_channel
from chassis.config import Environment, Secret
from chassis.errors import Unavailable
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceStub

if TYPE_CHECKING:
    from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceAsyncStub

_log = logging.getLogger(__name__)

KEYS_AGE_SECONDS_MAX = 60.0
KEYS_REFRESH_SECONDS = 30.0
UNKNOWN_KEY_REFETCH_SECONDS = 5.0
RENEW_AGAIN_SECONDS = 1.0
"""Auth is not asked for a token more often than this, whether it answers or not."""

TOKEN_RENEW_SHARE = 0.7
"""A service token is renewed when this share of its life is over."""

CALL_SECONDS = 3.0


@dataclass(frozen=True)
class MeshConfig:
    """Where auth is, and who this process is to the others."""

    auth_address: str
    client_id: str
    client_secret: Secret

    @classmethod
    def read(cls, env: Environment, *, identity: bool) -> Self:
        """Read the keys; with ``identity`` the process calls others and needs a secret."""
        return cls(
            auth_address=env.address("AUTH_ADDR", "dns:///localhost:50051"),
            client_id=env.text("SERVICE_CLIENT_ID") if identity else "",
            client_secret=env.required_secret("SERVICE_CLIENT_SECRET") if identity else Secret(""),
        )


class RemoteKeys:
    """The JWKS of auth: at most 60 s old, refreshed in the background, kept when auth is down.

    A key id that is not known is asked for at once, but not more often than every 5 s.
    """

    def __init__(self, auth: "AuthServiceAsyncStub") -> None:
        self._auth = auth
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._asked_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, key_id: str) -> Ed25519PublicKey | None:
        """See :class:`chassis.tokens.KeySource`."""
        key = self._keys.get(key_id)
        if key is None and (self._fetching or monotonic() - self._asked_at > UNKNOWN_KEY_REFETCH_SECONDS):
            if self._fetching is None:
                self._fetching = _apart_from_any_call(self._fetch_if_possible())
                self._fetching.add_done_callback(self._fetched)
            await asyncio.shield(self._fetching)
            key = self._keys.get(key_id)
        return key

    async def fetch(self) -> None:
        """Ask auth for its keys.

        :raises grpc.aio.AioRpcError: when auth does not answer.
        """
        self._asked_at = monotonic()
        request = auth_pb2.GetJsonWebKeySetRequest()
        answer = await call(self._auth.GetJsonWebKeySet, request, timeout_seconds=CALL_SECONDS)
        self._keys = {key.kid: _public_key(key) for key in answer.keys}

    async def keep_fresh(self) -> None:
        """Fetch again and again; to be run as a loop."""
        while True:
            await asyncio.sleep(KEYS_REFRESH_SECONDS)
            await self._fetch_if_possible()

    async def _fetch_if_possible(self) -> None:
        try:
            await self.fetch()
        except grpc.aio.AioRpcError as error:
            _log.warning("keys are not refreshed: %s", error.code().name)

    def _fetched(self, _task: "asyncio.Task[None]") -> None:
        self._fetching = None


class ServiceToken:
    """This process's own token. It is renewed beside the calls: while it is valid nobody waits for auth."""

    def __init__(self, auth: "AuthServiceAsyncStub", config: MeshConfig) -> None:
        self._auth = auth
        self._client_id = config.client_id
        self._client_secret = config.client_secret
        self._token = ""
        self._renew_at = self._expires_at = self._asked_at = float("-inf")
        self._renewing: asyncio.Task[None] | None = None

    async def token(self) -> str:
        """See :class:`chassis.channels.TokenSource`."""
        now = monotonic()
        if now >= self._renew_at and self._renewing is None and now - self._asked_at >= RENEW_AGAIN_SECONDS:
            self._renewing = _apart_from_any_call(self._renew_or_keep())
            self._renewing.add_done_callback(self._renewed)
        if now >= self._expires_at and self._renewing is not None:
            await asyncio.shield(self._renewing)
        if monotonic() >= self._expires_at:
            raise Unavailable("auth gives this service no token")
        return self._token

    def refused(self, token: str) -> None:
        """See :class:`chassis.channels.TokenSource`."""
        if token == self._token:
            self._renew_at = self._expires_at = float("-inf")

    async def renew(self) -> None:
        """Ask auth for a token.

        :raises grpc.aio.AioRpcError: when auth refuses or does not answer.
        """
        secret = self._client_secret.reveal()
        request = auth_pb2.IssueServiceTokenRequest(client_id=self._client_id, client_secret=secret)
        self._asked_at = asked_at = monotonic()
        answer = await call(self._auth.IssueServiceToken, request, timeout_seconds=CALL_SECONDS)
        self._token = answer.access_token
        self._expires_at = asked_at + answer.expires_in_seconds
        self._renew_at = asked_at + TOKEN_RENEW_SHARE * answer.expires_in_seconds

    async def _renew_or_keep(self) -> None:
        try:
            await self.renew()
        except grpc.aio.AioRpcError as error:
            _log.warning("the service token is not renewed: %s", error.code().name)

    def _renewed(self, _task: "asyncio.Task[None]") -> None:
        self._renewing = None


@asynccontextmanager
async def open_auth(config: MeshConfig) -> AsyncIterator["AuthServiceAsyncStub"]:
    """A stub of auth."""
    service = auth_pb2.DESCRIPTOR.services_by_name["AuthService"]
    async with open_channel(config.auth_address, service) as channel:
        yield AuthServiceStub(channel)


def _apart_from_any_call(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Do work for everybody outside of the call that happened to need it first: its deadline is not theirs."""
    return asyncio.create_task(work, context=Context())


def _public_key(key: auth_pb2.JsonWebKey) -> Ed25519PublicKey:
    public_key = OKPAlgorithm.from_jwk({"kty": key.kty, "crv": key.crv, "x": key.x})
    if not isinstance(public_key, Ed25519PublicKey):
        raise TypeError(f"key {key.kid} of the JWKS is not a public Ed25519 key")
    return public_key
