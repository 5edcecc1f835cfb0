import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.channels import open_channel
from gateway.app import SERVICES
from gateway.asgi import Gateway
from gateway.client_address import TrustedProxies
from gateway.exchange import Endpoint
from gateway.health import Ready
from gateway.router import Router
from gateway.template import parse_template
from gateway.tests.backend import Backend, channels_to, gateway_to, listening


async def test_alive_and_ready_with_every_service(anybody: httpx.AsyncClient) -> None:
    alive, ready = await anybody.get("/healthz"), await anybody.get("/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.headers["cache-control"]) == (200, "no-store")
    assert ready.json() == {
        "status": "ok",
        "backends": {"auth": "SERVING", "orders": "SERVING", "inventory": "SERVING", "notifier": "SERVING"},
    }


async def test_alive_but_not_ready_without_one_that_is_required(backend: Backend) -> None:
    orders, inventory = SERVICES["orders"], SERVICES["inventory"]
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nowhere = f"127.0.0.1:{nobody.getsockname()[1]}"
    async with (
        channels_to({"orders": orders}, backend) as channels,
        open_channel(nowhere, inventory) as dead,
        listening(gateway_to({"orders": orders, "inventory": inventory}, {**channels, "inventory": dead})) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        alive, ready = await client.get("/healthz"), await client.get("/readyz")

        assert alive.status_code == 200
        assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
        assert ready.json() == {
            "status": "unavailable",
            "backends": {"orders": "SERVING", "inventory": "UNAVAILABLE"},
        }


async def test_ready_without_the_notifier_and_says_that_it_is_down(backend: Backend) -> None:
    notifier = SERVICES["notifier"]
    others = {name: service for name, service in SERVICES.items() if name != "notifier"}
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nowhere = f"127.0.0.1:{nobody.getsockname()[1]}"
    async with (
        channels_to(others, backend) as channels,
        open_channel(nowhere, notifier) as dead,
        listening(gateway_to(SERVICES, {**channels, "notifier": dead})) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        ready = await client.get("/readyz")

        assert ready.status_code == 200
        assert ready.json() == {
            "status": "ok",
            "backends": {"auth": "SERVING", "orders": "SERVING", "inventory": "SERVING", "notifier": "UNAVAILABLE"},
        }


class GoingHealth(health_pb2_grpc.HealthServicer):
    """Says first that it does not serve, as a replica that is stopping, then that it does, as the next one."""

    def __init__(self) -> None:
        self.checks = 0

    async def Check(self, request: Any, context: Any) -> health_pb2.HealthCheckResponse:
        self.checks += 1
        answer = health_pb2.HealthCheckResponse
        return answer(status=answer.NOT_SERVING if self.checks == 1 else answer.SERVING)


async def test_meeting_one_replica_that_is_going_is_not_being_unready() -> None:
    async with gateway_that_asks(GoingHealth()) as client:
        assert (await client.get("/readyz")).status_code == 200


class SlowHealth(health_pb2_grpc.HealthServicer):
    """Says that it serves when it is told to."""

    def __init__(self) -> None:
        self.checks = 0
        self.go_on = asyncio.Event()

    async def Check(self, request: Any, context: Any) -> health_pb2.HealthCheckResponse:
        self.checks += 1
        await self.go_on.wait()
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


@asynccontextmanager
async def gateway_that_asks(health: health_pb2_grpc.HealthServicer) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway whose readiness depends on one service's health."""
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        router: Router[Endpoint] = Router()
        ready = Ready({"orders": ("orders", channel)}, {"orders"})
        router.add("GET", parse_template(Ready.route), ready)
        async with listening(Gateway(router, TrustedProxies())) as url, httpx.AsyncClient(base_url=url) as client:
            yield client
    await server.stop(None)


async def test_all_who_ask_at_once_share_one_round_of_checks() -> None:
    health = SlowHealth()
    async with gateway_that_asks(health) as client:
        asking = [asyncio.create_task(client.get("/readyz")) for _ in range(5)]
        asyncio.get_running_loop().call_later(0.3, health.go_on.set)

        answers = await asyncio.gather(*asking)

        assert [answer.status_code for answer in answers] == [200] * 5
        assert health.checks == 1
