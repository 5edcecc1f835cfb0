"""Endpoints without a service behind them, and a gateway of them."""

import asyncio

from gateway.asgi import Gateway
from gateway.body import BODY_SECONDS_MAX
from gateway.client_address import TrustedProxies
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

    async def answer(self, _request: Request) -> Response:
        self.reached.set()
        await self.go_on.wait()
        return Response(200, [], b"done")


class Echo:
    """An endpoint that answers with the body."""

    route = "/echo"
    takes_body = True

    async def answer(self, request: Request) -> Response:
        return Response(200, [], request.body)


def gateway_of(slow: Slow, requests_max: int = 10, body_seconds_max: float = BODY_SECONDS_MAX) -> Gateway:
    router: Router[Endpoint] = Router()
    router.add("POST", parse_template(Echo.route), Echo())
    endpoints: list[Endpoint] = [slow, Alive(), Ready({}, ())]
    for endpoint in endpoints:
        router.add("GET", parse_template(endpoint.route), endpoint)
    return Gateway(router, TrustedProxies(), requests_max, body_seconds_max)
