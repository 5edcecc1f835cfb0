"""What the tests of a process's relation to auth share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.utils import base64url_encode

from chassis import mesh
from chassis.errors import Unavailable
from chassis.server import Service
from chassis.testing import TestIssuer, served
from chassis.tests.part_of_auth import PartOfAuth
from ordermesh.auth.v1 import auth_service_pb2 as pb
from ordermesh.auth.v1.auth_service_pb2_grpc import (
    AuthServiceStub,
    add_AuthServiceServicer_to_server,
)


class Auth(PartOfAuth):
    """Gives numbered tokens and publishes keys; it can be down, and it can hang."""

    def __init__(self) -> None:
        self.issued = 0
        self.asked = 0
        self.life_seconds = 300
        self.is_down = False
        self.keys: list[pb.JsonWebKey] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def IssueServiceToken(self, request: Any, context: Any) -> pb.ServiceToken:
        await self._serve()
        self.issued += 1
        return pb.ServiceToken(access_token=f"token-{self.issued}", expires_in_seconds=self.life_seconds)

    async def GetJsonWebKeySet(self, request: Any, context: Any) -> pb.JsonWebKeySet:
        await self._serve()
        return pb.JsonWebKeySet(keys=self.keys)

    async def _serve(self) -> None:
        self.asked += 1
        await self.answers.wait()
        if self.is_down:
            raise Unavailable("down")


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
async def stub(auth: Auth) -> AsyncIterator[Any]:
    def register(server: grpc.aio.Server) -> None:
        add_AuthServiceServicer_to_server(auth, server)

    service = Service(pb.DESCRIPTOR.services_by_name["AuthService"], register)
    async with served(service, issuer=TestIssuer()) as channel:
        yield AuthServiceStub(channel)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the monotonic clock of the module."""
    now = 1_000.0
    monkeypatch.setattr(mesh, "monotonic", lambda: now)

    def move(seconds: float) -> None:
        nonlocal now
        now = 1_000.0 + seconds

    return move


def json_web_key(key_id: str, **members: str) -> pb.JsonWebKey:
    """A new key as auth publishes it; ``members`` make it another kind of key."""
    x = base64url_encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    usual = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": key_id, "use": "sig", "alg": "EdDSA"}
    return pb.JsonWebKey(**(usual | members))
