"""The whole of auth as a process runs it, over a real MongoDB."""

from collections.abc import AsyncIterator
from hashlib import sha256

import grpc
import pytest

from chassis.mongo import Database
from chassis.server import running_server
from chassis.testing import TEST_SERVER, bearer
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from services.auth.app import open_auth
from services.auth.config import AuthConfig
from services.auth.tests.scene import JWT_SECRET, REFRESH_SECRET, mongo_uri_of


def config(mongo_uri: str, database: Database, **more: str) -> AuthConfig:
    return AuthConfig.from_environment(
        {
            "MONGO_URI": mongo_uri_of(mongo_uri, database),
            "JWT_SECRET": JWT_SECRET.reveal(),
            "JWT_REFRESH_SECRET": REFRESH_SECRET.reveal(),
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "SERVICE_CLIENTS": f"orders:{sha256(b'secret').hexdigest()}",
            **more,
        }
    )


@pytest.fixture
async def channel(mongo_uri: str, database: Database) -> AsyncIterator[grpc.aio.Channel]:
    async with (
        open_auth(config(mongo_uri, database)) as application,
        running_server(TEST_SERVER, application, "127.0.0.1:0") as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield channel


async def test_a_customer_registers_logs_in_refreshes_and_reads_their_account(channel: grpc.aio.Channel) -> None:
    stub = AuthServiceStub(channel)
    registered = await stub.Register(auth_pb2.RegisterRequest(email="ada@example.com", password="correct horse"))
    pair = await stub.Login(auth_pb2.LoginRequest(email="ada@example.com", password="correct horse"))
    pair = await stub.RefreshToken(auth_pb2.RefreshTokenRequest(refresh_token=pair.refresh_token))

    user = await stub.GetCurrentUser(auth_pb2.GetCurrentUserRequest(), metadata=bearer(pair.access_token))

    assert user == registered


async def test_tokens_under_the_previous_secrets_are_still_good_after_a_rotation(
    channel: grpc.aio.Channel, mongo_uri: str, database: Database
) -> None:
    stub = AuthServiceStub(channel)
    await stub.Register(auth_pb2.RegisterRequest(email="ada@example.com", password="correct horse"))
    pair = await stub.Login(auth_pb2.LoginRequest(email="ada@example.com", password="correct horse"))
    rotated = config(
        mongo_uri,
        database,
        JWT_SECRET="the secret of the new quarter, long enough",
        JWT_SECRET_PREVIOUS=JWT_SECRET.reveal(),
        JWT_REFRESH_SECRET="the refresh secret of the new quarter",
        JWT_REFRESH_SECRET_PREVIOUS=REFRESH_SECRET.reveal(),
    )

    async with (
        open_auth(rotated) as application,
        running_server(TEST_SERVER, application, "127.0.0.1:0") as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as new_channel,
    ):
        new = AuthServiceStub(new_channel)
        user = await new.GetCurrentUser(auth_pb2.GetCurrentUserRequest(), metadata=bearer(pair.access_token))
        refreshed = await new.RefreshToken(auth_pb2.RefreshTokenRequest(refresh_token=pair.refresh_token))

    assert user.email == "ada@example.com"
    assert refreshed.refresh_token != pair.refresh_token
