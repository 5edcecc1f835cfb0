import socket

import httpx

from chassis.channels import open_channel
from gateway.app import SERVICES, build_gateway
from gateway.tests.backend import Backend, channels_to, listening


async def test_alive_and_ready_with_every_service(anybody: httpx.AsyncClient) -> None:
    alive, ready = await anybody.get("/healthz"), await anybody.get("/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.headers["cache-control"]) == (200, "no-store")
    assert ready.json() == {
        "status": "ok",
        "backends": {"auth": "SERVING", "orders": "SERVING", "inventory": "SERVING", "notifier": "SERVING"},
    }


async def test_alive_but_not_ready_without_one_of_them(backend: Backend) -> None:
    orders, inventory = SERVICES["orders"], SERVICES["inventory"]
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nowhere = f"127.0.0.1:{nobody.getsockname()[1]}"
    async with (
        channels_to({"orders": orders}, backend) as channels,
        open_channel(nowhere, inventory) as dead,
        listening(build_gateway({"orders": orders, "inventory": inventory}, {**channels, "inventory": dead})) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        alive, ready = await client.get("/healthz"), await client.get("/readyz")

        assert alive.status_code == 200
        assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
        assert ready.json() == {
            "status": "unavailable",
            "backends": {"orders": "SERVING", "inventory": "UNAVAILABLE"},
        }
