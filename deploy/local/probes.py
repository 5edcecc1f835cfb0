"""Whether a process of the mesh is ready."""

from typing import Any

import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local.tls import LocalTls, channel_to

ANSWER_SECONDS = 2.0


async def is_serving(service: str, address: str, tls: LocalTls | None) -> None:
    """Raise unless the replica of ``service`` at ``address`` says that it serves."""
    async with channel_to(service, address, tls) as channel:
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
