"""The demo, run as its manifests say it: everything is there that an order needs, and comes back when it is lost."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local.mails import received_mails
from deploy.local.moto_server import moto_url
from deploy.local.ports import HOST
from tests.k8s.kubelet import WATCHED, Node, running_demo
from tests.k8s.renderings import rendering

SOON_SECONDS = 180.0
ANSWER_SECONDS = 10.0
AGAIN_SECONDS = 2.0
"""Whoever tries to log in more often, before the customer is there again, is limited."""


async def until_ready(node: Node, http: httpx.AsyncClient) -> None:
    paths = {f"{node.ports[f'{name}/health']}/readyz" for name in WATCHED} | {f"{node.ports['gateway']}/readyz"}
    async with asyncio.timeout(SOON_SECONDS):
        while not all([await _is_ready(http, f"http://{HOST}:{path}") for path in paths]):
            await asyncio.sleep(0.2)


async def _is_ready(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).status_code == HTTPStatus.OK
    except httpx.TransportError:
        return False


async def ordered(node: Node, http: httpx.AsyncClient) -> str:
    """What becomes of an order of the demo customer's, once it is told; what is away is asked again."""
    gateway = f"http://{HOST}:{node.ports['gateway']}"
    credentials = {"email": "demo@example.com", "password": node.secret["DEMO_PASSWORD"]}
    lines = {"items": [{"sku": "paper-filters", "quantity": 1}]}
    async with asyncio.timeout(SOON_SECONDS):
        tokens = await answered(http, "POST", f"{gateway}/api/auth/login", json=credentials)
        http.headers["authorization"] = f"Bearer {tokens['accessToken']}"
        order = await answered(http, "POST", f"{gateway}/api/orders", json=lines)
        while order["status"] in {"PENDING", "PROCESSING"} or not await _told(node, order["orderId"]):
            await asyncio.sleep(0.2)
            order = await answered(http, "GET", f"{gateway}/api/orders/{order['orderId']}")
    return str(order["status"])


async def answered(http: httpx.AsyncClient, verb: str, url: str, **request: Any) -> dict[str, Any]:
    while not (answer := await http.request(verb, url, **request)).is_success:
        await asyncio.sleep(AGAIN_SECONDS)
    body: dict[str, Any] = answer.json()
    return body


async def _told(node: Node, order_id: str) -> bool:
    return any(order_id[:8] in mail.subject for mail in await received_mails(moto_url(node.ports["moto"])))


async def test_an_order_is_processed_and_told_whatever_the_stores_have_lost(tmp_path: Path) -> None:
    async with (
        running_demo(rendering("demo"), tmp_path) as node,
        httpx.AsyncClient(trust_env=False, timeout=20) as http,
    ):
        await until_ready(node, http)
        assert await ordered(node, http) == "PROCESSED"

        await node.crash("moto")  # with its queues
        assert await ordered(node, http) == "PROCESSED"

        await node.crash("mongod")  # so its set has had more elections than the next one will
        await ordered(node, http)
        await node.lose_the_pod_of_mongodb()
        assert await ordered(node, http) == "PROCESSED"


async def test_with_tls_an_order_is_processed_and_kubelets_ask_without(tmp_path: Path) -> None:
    manifests = rendering("demo with tls")
    services = {name: container for name, container in manifests.processes().items() if name != "gateway"}
    async with running_demo(manifests, tmp_path) as node, httpx.AsyncClient(trust_env=False, timeout=20) as http:
        await until_ready(node, http)
        assert await ordered(node, http) == "PROCESSED"

        for name, container in services.items():
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = container.spec[kind]["grpc"]["service"]
                assert await _probe(node.ports[f"{name}/health"], asked) is health_pb2.HealthCheckResponse.SERVING
            assert await _probe(node.ports[name], "") is grpc.StatusCode.UNAVAILABLE


async def _probe(port: int, service: str) -> Any:
    """What a kubelet hears, which has no certificate: a state of health, or the code of the failure."""
    async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service), timeout=ANSWER_SECONDS)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return answer.status
