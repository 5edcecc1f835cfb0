"""The ASGI application: what is the same for every request, around the endpoint that answers it."""

import asyncio
import logging
from http import HTTPStatus
from time import perf_counter

import grpc

from chassis.call import begin_call
from chassis.errors import DomainError
from gateway import problems
from gateway.body import BODY_SECONDS_MAX, read_body
from gateway.client_address import TrustedProxies
from gateway.errors import ClientGone, MethodNotAllowed, Refusal, Stopping, TooManyRequests
from gateway.exchange import Endpoint, Receive, Request, Response, Scope, Send, header_map
from gateway.forward import begin_request
from gateway.health import PROBES, Ready
from gateway.router import Router

_log = logging.getLogger(__name__)
_access_log = logging.getLogger("ordermesh.http")

REQUESTS_MAX = 1024
"""Requests being answered in one process; more are sent away at once. Those still being read do not count:
else whoever sends slowly would keep everybody out."""

STATUS_CLIENT_GONE = 499
"""What the log says when nobody waited for the answer (nginx's number)."""

_NO_ROUTE = "-"


class Gateway:
    """Finds the endpoint, lets it answer, and turns whatever is raised into a problem document."""

    def __init__(
        self,
        router: Router[Endpoint],
        trusted_proxies: TrustedProxies,
        requests_max: int = REQUESTS_MAX,
        body_seconds_max: float = BODY_SECONDS_MAX,
    ) -> None:
        self._router = router
        self._trusted_proxies = trusted_proxies
        self._body_seconds_max = body_seconds_max
        self._requests_max = requests_max
        self._in_flight = 0
        self._is_lame_duck = False

    def begin_lame_duck(self) -> None:
        """From now on ``/readyz`` says no, and each answer asks its client to come back on another connection."""
        self._is_lame_duck = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See https://asgi.readthedocs.io: one call a request."""
        begun = perf_counter()
        headers = header_map(scope["headers"])
        peer, _ = scope.get("client") or ("", 0)
        call = begin_request(headers, self._trusted_proxies.client_of(peer, headers.get(b"x-forwarded-for", b"")))
        begin_call(call)
        request = Request(scope["raw_path"], scope["query_string"], headers, receive, call)
        route, status = _NO_ROUTE, STATUS_CLIENT_GONE
        try:
            try:
                endpoint, request.values = self._router.find(scope["method"], request.path)
                route = endpoint.route
                if endpoint.takes_body:
                    request.body = await read_body(request, self._body_seconds_max)
                response = await self._admit(endpoint, request)
            except ClientGone:
                return
            except Exception as error:
                response = _on_error(error, scope["method"], request)
            except asyncio.CancelledError:
                response = problems.render(problems.of_refusal(Stopping("this process is stopping")), request)
            status = response.status
            if self._is_lame_duck:
                response.headers = [*response.headers, (b"connection", b"close")]
            await _send(response, request, scope["method"], send)
        finally:
            level = logging.DEBUG if route in PROBES else logging.INFO
            if _access_log.isEnabledFor(level):
                milliseconds = round((perf_counter() - begun) * 1000, 2)
                fields = {"method": scope["method"], "route": route, "status": int(status), "ms": milliseconds}
                _access_log.log(level, "request", extra={"fields": fields | {"client": call.client_address}})

    async def _admit(self, endpoint: Endpoint, request: Request) -> Response:
        """Let the endpoint answer, unless too many do; probes are always answered, load is no reason to restart."""
        if self._is_lame_duck and endpoint.route == Ready.route:
            raise Stopping("this process is stopping")
        if endpoint.route in PROBES:
            return await endpoint.answer(request)
        if self._in_flight >= self._requests_max:
            raise TooManyRequests(f"more than {self._requests_max} requests in flight")
        self._in_flight += 1
        try:
            return await endpoint.answer(request)
        finally:
            self._in_flight -= 1


def _on_error(error: Exception, method: str, request: Request) -> Response:
    if isinstance(error, MethodNotAllowed) and method == "OPTIONS":
        return Response(HTTPStatus.NO_CONTENT, [(b"allow", error.headers["allow"].encode())])
    if isinstance(error, grpc.aio.AioRpcError):
        return problems.render(problems.of_call(error), request)
    if isinstance(error, DomainError):
        return problems.render(problems.of_domain(error), request)
    if isinstance(error, Refusal):
        return problems.render(problems.of_refusal(error), request)
    _log.error("an unexpected exception", exc_info=error)
    return problems.render(problems.INTERNAL, request)


async def _send(response: Response, request: Request, method: str, send: Send) -> None:
    headers = [
        *response.headers,
        (b"x-request-id", request.call.request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    if response.status != HTTPStatus.NO_CONTENT and response.stream is None:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": int(response.status), "headers": headers})
    if response.stream is not None:
        async for part in response.stream:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else response.body})
