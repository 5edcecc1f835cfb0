"""Calls to a running stack, as one of its users makes them."""

from collections.abc import Sequence

import grpc

from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceStub

CALL_SECONDS = 10.0


async def log_in(channel: grpc.aio.Channel, email: str, password: str) -> str:
    """The access token of a new session.

    :raises grpc.aio.AioRpcError: with UNAUTHENTICATED when there is no such user with that password.
    """
    request = auth_pb2.LoginRequest(email=email, password=password)
    return (await AuthServiceStub(channel).Login(request, timeout=CALL_SECONDS)).access_token


def as_user(token: str) -> Sequence[tuple[str, str]]:
    """The metadata of a call that ``token`` opens."""
    return (("authorization", f"Bearer {token}"),)
