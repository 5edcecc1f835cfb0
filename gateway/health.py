"""``/healthz``: the process is alive. ``/readyz``: the services that it cannot do without take calls."""

import asyncio
from collections.abc import Collection, Mapping
from http import HTTPStatus

import grpc
from grpc_health.v1 import health_pb2

from gateway import jsontext
from gateway.exchange import Headers, Request, Response
from gateway.negotiation import JSON

CHECK_SECONDS = 1.0

CHECK_AGAIN_SECONDS = 0.1
"""A check can meet the one replica that is just going. Asked again so much later another one answers; without
that every gateway would say that it is not ready whenever a service is restarted."""

PROBES = frozenset({"/healthz", "/readyz"})
"""Asked every few seconds by machines: not worth a line in the log."""

_SERVING = health_pb2.HealthCheckResponse.ServingStatus.Name(health_pb2.HealthCheckResponse.SERVING)

_HEADERS: Headers = [(b"content-type", JSON), (b"cache-control", b"no-store")]


class Alive:
    """Answers that this process answers."""

    route = "/healthz"
    takes_body = False

    async def answer(self, _request: Request) -> Response:
        """See :class:`gateway.exchange.Endpoint`."""
        return Response(HTTPStatus.OK, _HEADERS, jsontext.dump({"status": "ok"}))


class Ready:
    """Answers whether every required backend takes calls, and how each of all is, by name."""

    route = "/readyz"
    takes_body = False

    def __init__(self, backends: Mapping[str, tuple[str, grpc.aio.Channel]], required: Collection[str]) -> None:
        """``backends``: by name, the service's full name and the channel to it."""
        self._required = frozenset(required)
        self._round: asyncio.Task[dict[str, str]] | None = None
        self._backends = {
            name: (
                health_pb2.HealthCheckRequest(service=service),
                channel.unary_unary(
                    "/grpc.health.v1.Health/Check",
                    request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                    response_deserializer=health_pb2.HealthCheckResponse.FromString,
                ),
            )
            for name, (service, channel) in backends.items()
        }

    async def answer(self, _request: Request) -> Response:
        """See :class:`gateway.exchange.Endpoint`."""
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._states())
        # Probes are never refused, so whoever asks meanwhile shares the round: many cost no more than one.
        states = await asyncio.shield(self._round)
        ready = all(state == _SERVING for name, state in states.items() if name in self._required)
        document = {"status": "ok" if ready else "unavailable", "backends": states}
        headers = _HEADERS if ready else [*_HEADERS, (b"retry-after", b"1")]
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(status, headers, jsontext.dump(document))

    async def _states(self) -> dict[str, str]:
        states = await asyncio.gather(*(self._state(name) for name in self._backends))
        return dict(zip(self._backends, states, strict=True))

    async def _state(self, name: str) -> str:
        state = await self._ask(name)
        if state != _SERVING:
            await asyncio.sleep(CHECK_AGAIN_SECONDS)
            state = await self._ask(name)
        return state

    async def _ask(self, name: str) -> str:
        request, check = self._backends[name]
        try:
            answer = await check(request, timeout=CHECK_SECONDS)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
