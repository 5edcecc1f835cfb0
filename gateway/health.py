"""``/healthz``: the process is alive. ``/readyz``: each service behind it takes calls."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

import grpc
from grpc_health.v1 import health_pb2

from gateway import jsontext
from gateway.exchange import Headers, Request, Response
from gateway.negotiation import JSON

CHECK_SECONDS = 1.0

PROBES = frozenset({"/healthz", "/readyz"})
"""Asked every few seconds by machines: not worth a line in the log."""

_HEADERS: Headers = [(b"content-type", JSON), (b"cache-control", b"no-store")]


class Alive:
    """Answers that this process answers."""

    route = "/healthz"

    async def answer(self, _request: Request) -> Response:
        """See :class:`gateway.exchange.Endpoint`."""
        return Response(HTTPStatus.OK, _HEADERS, jsontext.dump({"status": "ok"}))


class Ready:
    """Answers whether every backend takes calls, each by name."""

    route = "/readyz"

    def __init__(self, backends: Mapping[str, tuple[str, grpc.aio.Channel]]) -> None:
        """``backends``: by name, the service's full name and the channel to it."""
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
        states = await asyncio.gather(*(self._state(name) for name in self._backends))
        ready = all(state == "SERVING" for state in states)
        document = {
            "status": "ok" if ready else "unavailable",
            "backends": dict(zip(self._backends, states, strict=True)),
        }
        headers = _HEADERS if ready else [*_HEADERS, (b"retry-after", b"1")]
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(status, headers, jsontext.dump(document))

    async def _state(self, name: str) -> str:
        request, check = self._backends[name]
        try:
            answer = await check(request, timeout=CHECK_SECONDS)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
