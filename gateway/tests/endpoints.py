"""Endpoints without a service behind them, and a gateway of them."""

import asyncio
from dataclasses import replace

from gateway.asgi import Gateway
from gateway.body import BODY_SECONDS_MAX, LARGE_BODIES_BYTES_MAX, BodyReader
from gateway.client_address import TrustedProxies
from gateway.client_limits import ClientLimit
from gateway.cors import NO_ORIGINS, Origins
from gateway.exchange import Endpoint, Request, Response
from gateway.health import Alive, Ready
from gateway.router import Router
from gateway.template import parse_template


class Slow:
    """An endpoint that answers when it is told to."""

    route = "/slow"
    takes_body = False

    def __init__(self) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        self.waiting = 0

    async def answer(self, _request: Request) -> Response:
        self.reached.set()
        self.waiting += 1
        await self.go_on.wait()
        return Response(200, [], b"done")


class Echo:
    """An endpoint that answers with the body."""

    route = "/echo"
    takes_body = True

    async def answer(self, request: Request) -> Response:
        return Response(200, [], request.body)


class Page:
    """An endpoint that answers with a text of some size, and has a policy of its own."""

    route = "/page"
    takes_body = False

    def __init__(self, text: bytes = b"<html>", content_type: bytes = b"text/html") -> None:
        self.response = Response(200, [(b"content-type", content_type)], text)
        self.response.headers.append((b"content-security-policy", b"default-src 'self'"))

    async def answer(self, _request: Request) -> Response:
        return replace(self.response)


def gateway_of(
    slow: Slow,
    *others: Endpoint,
    requests_max: int = 10,
    body_seconds_max: float = BODY_SECONDS_MAX,
    large_bytes_max: int = LARGE_BODIES_BYTES_MAX,
    origins: Origins = NO_ORIGINS,
    client_limit: ClientLimit | None = None,
) -> Gateway:
    router: Router[Endpoint] = Router()
    router.add("POST", parse_template(Echo.route), Echo())
    endpoints: list[Endpoint] = [slow, *others, Alive(), Ready({}, ())]
    for endpoint in endpoints:
        router.add("GET", parse_template(endpoint.route), endpoint)
    return Gateway(
        router,
        TrustedProxies(),
        origins=origins,
        client_limit=client_limit,
        bodies=BodyReader(body_seconds_max, large_bytes_max),
        requests_max=requests_max,
    )
