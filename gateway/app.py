"""What the gateway is made of: its channels, its routes, its application."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from chassis.background import running, supervise
from chassis.channels import open_channel
from chassis.clock import SystemClock
from chassis.mesh import ServiceToken, require_own_name
from chassis.rate_limits import RateLimits
from chassis.redis_counts import open_redis_counts
from chassis.tracing import NO_TRACER, Tracer, open_tracer
from gateway.asgi import Gateway
from gateway.client_address import TrustedProxies
from gateway.client_limits import ClientLimit
from gateway.config import GatewayConfig
from gateway.cors import NO_ORIGINS, Origins
from gateway.exchange import Endpoint
from gateway.health import Alive, Ready
from gateway.incoming import Proof
from gateway.openapi.endpoints import documentation
from gateway.router import Router
from gateway.rpc import RpcEndpoint
from gateway.rules import read_rules
from gateway.streaming import StreamEndpoint
from gateway.streams import STREAMS_MAX, Streams
from gateway.template import parse_template
from ordermesh.auth.v1 import auth_service_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from ordermesh.inventory.v1 import inventory_service_pb2
from ordermesh.notifier.v1 import notifier_service_pb2
from ordermesh.orders.v1 import order_service_pb2

SERVICES: Mapping[str, ServiceDescriptor] = {
    "auth": auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"],
    "orders": order_service_pb2.DESCRIPTOR.services_by_name["OrderService"],
    "inventory": inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"],
    "notifier": notifier_service_pb2.DESCRIPTOR.services_by_name["NotifierService"],
}

REQUIRED = frozenset({"auth", "orders", "inventory"})
"""What the gateway is not ready without. Ordering works without the notifier: mails wait in the queue."""


def build_gateway(
    services: Mapping[str, ServiceDescriptor],
    channels: Mapping[str, grpc.aio.Channel],
    *,
    proof: Proof,
    trusted_proxies: TrustedProxies,
    origins: Origins = NO_ORIGINS,
    client_limit: ClientLimit | None = None,
    streams_max: int = STREAMS_MAX,
    tracer: Tracer = NO_TRACER,
) -> Gateway:
    """The application over services and the channels to them, both by name.

    ``proof`` gives the token that tells services that it is the gateway who calls. Without ``origins`` no page of
    another origin may use it, without ``client_limit`` each client may make as many requests as it likes.

    :raises UnsupportedRule: when the contract asks for what the gateway cannot do.
    :raises MalformedErrors: when a comment of the contract cannot be read.
    """
    router: Router[Endpoint] = Router()
    streams = Streams(streams_max)
    for name, service in services.items():
        for rule in read_rules([service]):
            endpoint: Endpoint = (
                StreamEndpoint(rule, channels[name], proof, streams, origins.allows)
                if rule.method.server_streaming
                else RpcEndpoint(rule, channels[name], proof)
            )
            router.add(rule.verb, rule.template, endpoint)
    backends = {name: (service.full_name, channels[name]) for name, service in services.items()}
    own: Sequence[Endpoint] = (Alive(), Ready(backends, REQUIRED), *documentation(services))
    for own_endpoint in own:
        router.add("GET", parse_template(own_endpoint.route), own_endpoint)
    return Gateway(router, trusted_proxies, origins=origins, client_limit=client_limit, streams=streams, tracer=tracer)


@asynccontextmanager
async def open_gateway(config: GatewayConfig) -> AsyncIterator[Gateway]:
    """Open the channels; close them at the end. Services may come later than the gateway.

    :raises ConfigError: when the certificate is not the gateway's.
    """
    addresses = {
        "auth": config.mesh.auth_address,
        "orders": config.orders_address,
        "inventory": config.inventory_address,
        "notifier": config.notifier_address,
    }
    require_own_name(config.mesh, config.tls)
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(open_tracer(config.tracing))  # first: the last spans come at the end
        channels: dict[str, grpc.aio.Channel] = {}
        for name, service in SERVICES.items():
            channel = open_channel(addresses[name], service, config.tls, retries=True)
            channels[name] = await stack.enter_async_context(channel)
            channels[name].get_state(try_to_connect=True)  # so that the first request need not wait for it
        token = ServiceToken(AuthServiceStub(channels["auth"]), config.mesh)
        token.at_hand()  # so that the first request has one, if auth is there
        yield build_gateway(
            SERVICES,
            channels,
            proof=token.at_hand,
            trusted_proxies=config.trusted_proxies,
            origins=config.cors_origins,
            client_limit=await _open_client_limit(config, stack),
            tracer=tracer,
        )


async def _open_client_limit(config: GatewayConfig, stack: AsyncExitStack) -> ClientLimit | None:
    """The limit, counted together with the other gateways until ``stack`` is closed."""
    if config.request_limit.count is None:
        return None
    counts = await stack.enter_async_context(open_redis_counts(config.redis))
    rates = RateLimits(counts, config.mesh.client_secret, SystemClock())
    settling = asyncio.create_task(supervise("limits", rates.keep_settled))
    await stack.enter_async_context(running(settling))
    return ClientLimit(config.request_limit, rates)
