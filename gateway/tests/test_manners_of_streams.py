"""A stream has the manners of every other answer, but for what concerns a body."""

import httpx

from chassis.config import Secret
from chassis.rate_limits import Limit, RateLimits
from chassis.shared_counts import MemoryCounts
from chassis.testing import ManualClock
from gateway.app import SERVICES
from gateway.client_limits import ClientLimit
from gateway.cors import Origins
from gateway.tests.backend import Backend, channels_to, gateway_to, listening
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2

SHOP = "https://shop.example"


async def test_a_stream_is_limited_shared_and_named_but_neither_tagged_nor_compressed(backend: Backend) -> None:
    orders = [orders_pb2.Order(order_id="o-1", version=version, email="a" * 2000) for version in (1, 2)]
    backend.answers["WatchOrder"] = lambda *_: orders
    limit = ClientLimit(Limit("client", 1, 60), RateLimits(MemoryCounts(), Secret("s" * 32), ManualClock()))
    headers = {"authorization": f"Bearer {backend.issuer.admin()}", "origin": SHOP, "accept-encoding": "gzip"}
    async with channels_to(SERVICES, backend) as channels:
        gateway = gateway_to(SERVICES, channels, client_limit=limit, origins=Origins(frozenset({SHOP})))
        async with listening(gateway) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
            stream = await client.get("/api/orders/o-1/events")
            refused = await client.get("/api/orders/o-1/events")

    assert (stream.status_code, stream.headers["content-type"]) == (200, "text/event-stream")
    assert stream.content.count(b'"orderId":"o-1"') == 2
    assert stream.headers["ratelimit"].startswith('"client";r=0;t=')
    assert stream.headers["access-control-allow-origin"] == SHOP
    assert stream.headers["x-request-id"] == backend.last.metadata["x-request-id"]
    assert "default-src 'none'" in stream.headers["content-security-policy"]
    assert not {"etag", "content-encoding", "content-length"} & set(stream.headers)
    assert refused.status_code == 429
