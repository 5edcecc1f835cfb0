"""The ASGI application: what is the same for every request, around the endpoint that answers it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from time import perf_counter

from chassis.call import begin_call
from chassis.tracing import NO_TRACER, Tracer
from gateway import problems
from gateway.body import BodyReader
from gateway.caching import require_unconditional, revalidate
from gateway.client_address import TrustedProxies
from gateway.client_limits import ClientLimit
from gateway.compression import compress, depend_on_coding
from gateway.cors import NO_ORIGINS, Cors, Origins
from gateway.errors import ClientGone, MethodNotAllowed, Stopping, TooManyRequests
from gateway.exchange import Endpoint, Receive, Request, Response, Scope, Send, header_map
from gateway.forward import begin_request
from gateway.head import require_sound_head
from gateway.health import PROBES, Ready
from gateway.metrics import IN_FLIGHT, count_refusal, observe
from gateway.request_spans import begin_span, end_span
from gateway.router import Router
from gateway.security_headers import secure
from gateway.streams import Streams

_access_log = logging.getLogger("ordermesh.http")

REQUESTS_MAX = 1024
"""Requests being answered in one process; more are sent away at once. Those still being read do not count:
else whoever sends slowly would keep everybody out."""

STATUS_CLIENT_GONE = 499
"""What the log says when nobody waited for the answer (nginx's number)."""

_CLOSE = (b"connection", b"close")

Manner = Callable[[Request, Response], None]
"""Changes an answer on its way out, whoever gives it: an endpoint, or what was raised instead."""


class Gateway:
    """Finds the endpoint, lets it answer, and turns whatever is raised into a problem document."""

    def __init__(
        self,
        router: Router[Endpoint],
        trusted_proxies: TrustedProxies,
        *,
        origins: Origins = NO_ORIGINS,
        client_limit: ClientLimit | None = None,
        bodies: BodyReader | None = None,
        requests_max: int = REQUESTS_MAX,
        streams: Streams | None = None,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._router = router
        self._trusted_proxies = trusted_proxies
        self._client_limit = client_limit
        self._bodies = bodies or BodyReader()
        self._streams = Streams() if streams is None else streams
        self._requests_max = requests_max
        self._tracer = tracer
        self._in_flight = 0
        self._is_lame_duck = False
        self._manners: Sequence[Manner] = (
            depend_on_coding,  # first: "not modified" varies by what the answer would have
            revalidate,  # what is not sent need not be compressed
            compress,  # before all that only add headers, none of which look at the body
            *((client_limit.tell,) if client_limit else ()),
            *((Cors(origins).share,) if origins else ()),
            secure,
            self._close_what_is_over,
            _name_call,
        )

    def begin_lame_duck(self) -> None:
        """From now on ``/readyz`` says no, and each answer asks its client to come back on another connection."""
        self._is_lame_duck = True

    def end_streams(self) -> None:
        """Send everybody away who watches something: they come again, to another process."""
        self._streams.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See https://asgi.readthedocs.io: one call a request."""
        begun = perf_counter()
        headers = header_map(scope["headers"])
        peer, _ = scope.get("client") or ("", 0)
        call = begin_request(headers, self._trusted_proxies.client_of(peer, headers.get(b"x-forwarded-for", b"")))
        method = scope.get("method", "GET")  # a WebSocket's handshake has no other
        request = Request(method, scope["raw_path"], scope["query_string"], headers, receive, call)
        request.http_version = scope.get("http_version", "1.1")
        request.subprotocols = scope.get("subprotocols")
        begin_span(request, self._tracer)
        begin_call(call)
        response, status = None, STATUS_CLIENT_GONE
        IN_FLIGHT.inc()
        try:
            try:
                response = await self._answer(request)
            except ClientGone:
                return
            except Exception as error:
                count_refusal(error)
                response = _on_error(error, request)
            except asyncio.CancelledError:
                response = problems.render(problems.of_refusal(Stopping("this process is stopping")), request)
            response.headers = list(response.headers)
            for manner in self._manners:
                manner(request, response)
            status = response.status
            if response.stream is not None:
                observe(request, status, perf_counter() - begun)
            await _send(response, request, send)
        finally:
            IN_FLIGHT.dec()
            if response is not None and response.stream is not None:
                response.stream.close()
            else:
                observe(request, status, perf_counter() - begun)
            end_span(request, None if response is None else int(status))
            level = logging.DEBUG if request.route in PROBES else logging.INFO
            if _access_log.isEnabledFor(level):
                milliseconds = round((perf_counter() - begun) * 1000, 2)
                fields = {"method": request.method, "route": request.route, "status": int(status), "ms": milliseconds}
                _access_log.log(level, "request", extra={"fields": fields | {"client": call.client_address}})

    async def _answer(self, request: Request) -> Response:
        """What is asked of every request, the cheapest first; probes are always answered, load is no reason to restart.

        A client's limit comes before its body: what is refused is not read. It comes behind the route: what nobody
        answers (404, 405, a browser's preflight) costs less than counting it.
        """
        require_sound_head(request)
        endpoint, request.values = self._router.find(request.method, request.path)
        request.route = endpoint.route
        if endpoint.route in PROBES:
            if self._is_lame_duck and endpoint.route == Ready.route:
                raise Stopping("this process is stopping")
            return await endpoint.answer(request)
        require_unconditional(request)
        if self._client_limit is not None:
            self._client_limit.take(request)
        if endpoint.takes_body:
            request.body = await self._bodies.read(request)
            request.body_is_read = True
        return await self._admit(endpoint, request)

    async def _admit(self, endpoint: Endpoint, request: Request) -> Response:
        """Let the endpoint answer, unless too many do."""
        if self._in_flight >= self._requests_max:
            raise TooManyRequests(f"more than {self._requests_max} requests in flight")
        self._in_flight += 1
        try:
            return await endpoint.answer(request)
        finally:
            self._in_flight -= 1

    def _close_what_is_over(self, request: Request, response: Response) -> None:
        """Close the connection behind a lame duck's answer, and where it is open whether a body follows.

        Who waits to be told to go on, and is told something else, may send the body nevertheless, or the next
        request in its place (RFC 9110, section 10.1.1).
        """
        is_unsure = b"expect" in request.headers and not request.body_is_read
        if (self._is_lame_duck or is_unsure) and _CLOSE not in response.headers:
            response.headers.append(_CLOSE)


def _name_call(request: Request, response: Response) -> None:
    """Say what the call is called in the logs and in the traces."""
    response.headers.append((b"x-request-id", request.call.request_id.encode()))
    response.headers.append((b"traceresponse", request.call.traceparent.encode()))


def _on_error(error: Exception, request: Request) -> Response:
    if isinstance(error, MethodNotAllowed) and request.method == "OPTIONS":
        return Response(HTTPStatus.NO_CONTENT, [(b"allow", error.headers["allow"].encode())])
    return problems.render(problems.of_error(error), request)


async def _send(response: Response, request: Request, send: Send) -> None:
    headers = response.headers
    if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
        headers = [(name, value) for name, value in headers if name != b"connection"]  # it says `Upgrade`
        await send({"type": "websocket.accept", "subprotocol": response.subprotocol, "headers": headers})
    else:
        if response.stream is None and response.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            headers.append((b"content-length", str(len(response.body)).encode()))
        answer = "http.response" if request.subprotocols is None else "websocket.http.response"
        await send({"type": f"{answer}.start", "status": int(response.status), "headers": headers})
        if response.stream is None or request.method == "HEAD":
            await send({"type": f"{answer}.body", "body": b"" if request.method == "HEAD" else response.body})
            return
    if response.stream is not None:
        await response.stream.run(send)
