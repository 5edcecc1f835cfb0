"""Whether a process of the mesh is ready."""

from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

ANSWER_SECONDS = 2.0


async def is_serving(address: str) -> None:
    """Raise unless the gRPC server at ``address`` says that it serves."""
    async with grpc.aio.insecure_channel(address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_SECONDS)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise ConnectionError("it is not serving yet")


async def answers_ready(url: str) -> None:
    """Raise unless the HTTP server says at ``url`` that it is ready."""
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as client:
        answer = await client.get(url)
    if not answer.is_success:
        raise ConnectionError(f"it answers {answer.status_code}: {answer.text[:100]}")
