"""What a process needs of auth: the keys that tokens are verified with, and its own token."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm
from prometheus_client import Gauge

from chassis.channels import call, open_channel
from chassis.config import ConfigError, Environment, Secret
from chassis.errors import Unavailable
from chassis.tls import Tls, in_short
from chassis.tokens import ALGORITHM
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceStub

if TYPE_CHECKING:
    from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceAsyncStub

_log = logging.getLogger(__name__)

T = TypeVar("T")

KEYS_AGE_SECONDS_MAX = 60.0
"""How old the keys are at most while auth answers: a key that it withdraws is of no use after that."""

KEYS_REFRESH_SECONDS = 30.0

KEYS_AGAIN_SECONDS = 5.0
"""When auth did not answer it is asked again after this; so the keys keep their age though three answers are lost.
Nor is it asked more often for key ids that nobody knows, however many tokens come with them."""

KEY_WAITERS_MAX = 100
"""Calls that wait for the keys because nobody knows theirs. Anybody can invent key ids: those calls must not take
the places of all others while auth is slow."""

RENEW_AGAIN_SECONDS = 1.0
"""Auth is not asked for a token more often than this, whether it answers or not."""

TOKEN_RENEW_SHARE = 0.7
"""A service token is renewed when this share of its life is over."""

CALL_SECONDS = 3.0

_FETCHED = Gauge(
    "ordermesh_keys_fetched_timestamp_seconds",
    "When auth last gave the keys that tokens are verified with, in Unix time; 0 where they were not asked for.",
)


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
    """The JWKS of auth: at most ``KEYS_AGE_SECONDS_MAX`` old while auth answers, and kept while it does not.

    It is refreshed beside the calls. Only who comes with a key id that is not known waits for auth, and not more
    often than every ``KEYS_AGAIN_SECONDS``.
    """

    def __init__(self, auth: "AuthServiceAsyncStub") -> None:
        self._auth = auth
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._asked_at = self._fetched_at = float("-inf")
        self._fetching: asyncio.Task[bool] | None = None
        self._waiters = 0

    async def key(self, key_id: str) -> Ed25519PublicKey | None:
        """See :class:`chassis.tokens.KeySource`."""
        key = self._keys.get(key_id)
        if key is not None:
            return key
        may_ask = self._fetching is not None or monotonic() - self._asked_at > KEYS_AGAIN_SECONDS
        if may_ask and self._waiters < KEY_WAITERS_MAX:
            self._waiters += 1
            try:
                await self._fetched()
            finally:
                self._waiters -= 1
        return self._keys.get(key_id)

    async def fetch(self) -> None:
        """Ask auth for its keys.

        :raises grpc.aio.AioRpcError: when auth does not answer.
        :raises Unavailable: when it has no key that could be used.
        """
        self._asked_at = asked_at = monotonic()
        request = auth_pb2.GetJsonWebKeySetRequest()
        answer = await call(self._auth.GetJsonWebKeySet, request, timeout_seconds=CALL_SECONDS)
        keys = {key.kid: public_key for key in answer.keys if (public_key := _public_key(key)) is not None}
        if not keys:
            raise Unavailable("auth publishes no key")
        self._keys = keys
        self._fetched_at = asked_at
        _FETCHED.set_to_current_time()

    async def keep_fresh(self) -> None:
        """Fetch again and again; to be run as a loop."""
        pause_seconds = KEYS_REFRESH_SECONDS
        while True:
            await asyncio.sleep(pause_seconds)
            pause_seconds = KEYS_REFRESH_SECONDS if await self._fetched() else KEYS_AGAIN_SECONDS

    async def _fetched(self) -> bool:
        """Whether auth gave its keys. All who ask while one fetch is under way share it."""
        if self._fetching is None:
            self._fetching = _apart_from_any_call(self._fetch_or_keep())
            self._fetching.add_done_callback(self._fetch_over)
        return await asyncio.shield(self._fetching)

    async def _fetch_or_keep(self) -> bool:
        try:
            await self.fetch()
        except (grpc.aio.AioRpcError, Unavailable) as error:
            why = in_short(error) if isinstance(error, grpc.aio.AioRpcError) else error.message
            age = monotonic() - self._fetched_at
            level = logging.ERROR if age > KEYS_AGE_SECONDS_MAX else logging.WARNING
            kept = f"; those of {age:.0f} s ago are kept" if self._keys else ""
            _log.log(level, "keys are not refreshed: %s%s", why, kept)
            return False
        return True

    def _fetch_over(self, _task: "asyncio.Task[bool]") -> None:
        self._fetching = None


class ServiceToken:
    """This process's own token. It is renewed beside the calls: while it is valid nobody waits for auth."""

    def __init__(self, auth: "AuthServiceAsyncStub", config: MeshConfig) -> None:
        self._auth = auth
        self._client_id = config.client_id
        self._client_secret = config.client_secret
        self._token = ""  # nosec B105 # there is none yet
        self._renew_at = self._expires_at = self._asked_at = float("-inf")
        self._renewing: asyncio.Task[None] | None = None

    async def token(self) -> str:
        """See :class:`chassis.channels.TokenSource`."""
        token = self.at_hand()
        if not token and self._renewing is not None:
            await asyncio.shield(self._renewing)
            token = self._valid()
        if not token:
            raise Unavailable("auth gives this service no token")
        return token

    def at_hand(self) -> str:
        """The token, for whom can do without: nobody waits. Empty when there is none that is valid now."""
        now = monotonic()
        if now >= self._renew_at and self._renewing is None and now - self._asked_at >= RENEW_AGAIN_SECONDS:
            self._renewing = _apart_from_any_call(self._renew_or_keep())
            self._renewing.add_done_callback(self._renewed)
        return self._valid()

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

    def _valid(self) -> str:
        return self._token if monotonic() < self._expires_at else ""

    async def _renew_or_keep(self) -> None:
        try:
            await self.renew()
        except grpc.aio.AioRpcError as error:
            _log.warning("the service token is not renewed: %s", in_short(error))

    def _renewed(self, _task: "asyncio.Task[None]") -> None:
        self._renewing = None


@asynccontextmanager
async def open_auth(config: MeshConfig, tls: Tls | None = None) -> AsyncIterator["AuthServiceAsyncStub"]:
    """A stub of auth.

    :raises ConfigError: see :func:`require_own_name`.
    """
    require_own_name(config, tls)
    service = auth_pb2.DESCRIPTOR.services_by_name["AuthService"]
    async with open_channel(config.auth_address, service, tls) as channel:
        yield AuthServiceStub(channel)


def require_own_name(config: MeshConfig, tls: Tls | None) -> None:
    """Make sure that a process which calls others has the certificate of who it says it is.

    :raises ConfigError: when it names somebody else.
    """
    shown = None if tls is None else tls.current()
    if shown is not None and config.client_id and not shown.name_service(config.client_id):
        raise ConfigError(
            f"TLS_CERT_FILE names {', '.join(shown.names) or 'nobody'}, SERVICE_CLIENT_ID is {config.client_id}: "
            "others would refuse the calls of this service"
        )


def _apart_from_any_call(work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """Do work for everybody outside of the call that happened to need it first: its deadline is not theirs."""
    return asyncio.create_task(work, context=Context())


def _public_key(key: auth_pb2.JsonWebKey) -> Ed25519PublicKey | None:
    """The key, or None when it is not for verifying access tokens: other keys of a set are ignored (RFC 7517, 5)."""
    is_for_signatures = key.use in {"", "sig"} and key.alg in {"", ALGORITHM}  # a set need not say so
    if not (is_for_signatures and (key.kty, key.crv) == ("OKP", "Ed25519") and key.kid):
        return None
    try:
        public_key = OKPAlgorithm.from_jwk({"kty": key.kty, "crv": key.crv, "x": key.x})
    except (jwt.InvalidKeyError, ValueError):
        return None
    return public_key if isinstance(public_key, Ed25519PublicKey) else None
