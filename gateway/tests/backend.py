"""Real gRPC servers whose answers a test writes, and a real gateway in front of them."""

import asyncio
import inspect
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from chassis.channels import open_channel
from chassis.server import Application, ServerConfig, Service, running_server
from chassis.testing import TEST_SERVER, TestIssuer
from chassis.tracing import NO_TRACER, Tracer
from gateway.app import build_gateway
from gateway.asgi import Gateway
from gateway.client_address import TrustedProxies
from gateway.client_limits import ClientLimit
from gateway.connections import Connections
from gateway.cors import NO_ORIGINS, Origins
from gateway.incoming import Proof
from gateway.server import running
from gateway.streams import STREAMS_MAX

DRAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Received:
    """A call as the service saw it."""

    method: str
    request: Any
    metadata: Mapping[str, str]
    seconds_left: float


@dataclass
class Backend:
    """Answers every method by what a test put under its name, else with an empty response."""

    issuer: TestIssuer = field(default_factory=TestIssuer)
    answers: dict[str, Callable[..., Any]] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    def reset(self) -> None:
        self.answers.clear()
        self.received.clear()

    @property
    def last(self) -> Received:
        return self.received[-1]

    def service(self, descriptor: ServiceDescriptor) -> Service:
        handlers = {method.name: self._handler(method) for method in descriptor.methods}
        generic = grpc.method_handlers_generic_handler(descriptor.full_name, handlers)
        return Service(descriptor, lambda server: server.add_generic_rpc_handlers((generic,)))

    def _handler(self, method: MethodDescriptor) -> Any:
        response_class: Any = GetMessageClass(method.output_type)
        request_class: Any = GetMessageClass(method.input_type)

        async def handle(request: Any, context: Any) -> Any:
            metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
            self.received.append(Received(method.name, request, metadata, context.time_remaining()))
            script = self.answers.get(method.name)
            answer = script(request, context) if script else None
            if inspect.isawaitable(answer):
                answer = await answer
            return answer or response_class()

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            answers = await handle(request, context)
            if inspect.isasyncgen(answers):
                async with aclosing(answers):
                    async for answer in answers:
                        yield answer
            else:
                for answer in answers if isinstance(answers, list) else [answers]:
                    yield answer

        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(
                stream, request_class.FromString, response_class.SerializeToString
            )
        return grpc.unary_unary_rpc_method_handler(handle, request_class.FromString, response_class.SerializeToString)


@asynccontextmanager
async def channels_to(
    services: Mapping[str, ServiceDescriptor],
    backend: Backend,
    config: ServerConfig = TEST_SERVER,
    tracer: Tracer = NO_TRACER,
) -> AsyncIterator[dict[str, grpc.aio.Channel]]:
    """A channel to each of ``services``, all on one real server."""
    application = Application(
        [backend.service(service) for service in services.values()], backend.issuer.verifier, tracer=tracer
    )
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(running_server(config, application, "127.0.0.1:0"))
        yield {
            name: await stack.enter_async_context(open_channel(f"127.0.0.1:{port}", service, retries=True))
            for name, service in services.items()
        }


@asynccontextmanager
async def listening(
    gateway: Gateway,
    connections: Connections | None = None,
    *,
    lame_duck_seconds: float = 0.0,
    drain_seconds: float = DRAIN_SECONDS,
) -> AsyncIterator[str]:
    """The URL of a real HTTP server of ``gateway``; it drains at the end of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # uvloop does so; in asyncio an answer takes 40 ms
    async with running(
        gateway,
        listener,
        connections or Connections(),
        lame_duck_seconds=lame_duck_seconds,
        drain_seconds=drain_seconds,
    ):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def gateway_to(
    services: Mapping[str, ServiceDescriptor],
    channels: Mapping[str, grpc.aio.Channel],
    *,
    proof: Proof = str,
    trusted: Sequence[str] = (),
    origins: Origins = NO_ORIGINS,
    client_limit: ClientLimit | None = None,
    streams_max: int = STREAMS_MAX,
    tracer: Tracer = NO_TRACER,
) -> Gateway:
    """A gateway that trusts these networks; without ``proof`` it cannot say who it is."""
    proxies = TrustedProxies(tuple(ip_network(network) for network in trusted))
    return build_gateway(
        services,
        channels,
        proof=proof,
        trusted_proxies=proxies,
        origins=origins,
        client_limit=client_limit,
        streams_max=streams_max,
        tracer=tracer,
    )


@asynccontextmanager
async def gateway_over(services: Mapping[str, ServiceDescriptor], backend: Backend) -> AsyncIterator[str]:
    """The URL of a real gateway in front of a real server of ``services``."""
    async with (
        channels_to(services, backend) as channels,
        listening(gateway_to(services, channels)) as url,
    ):
        yield url


async def exchange(url: str, *parts: bytes) -> bytes:
    """Everything that a server answers to raw bytes until it closes the connection."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for part in parts:
        writer.write(part)
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


__all__: Sequence[str] = ("Backend", "Received", "channels_to", "exchange", "gateway_over", "gateway_to", "listening")
