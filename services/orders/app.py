"""Puts orders together: what it opens, in order, closed in reverse."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from chassis.aws import open_aws_client
from chassis.channels import open_channel
from chassis.clock import Clock, SystemClock
from chassis.crash_points import around
from chassis.mesh import RemoteKeys, ServiceToken, open_auth
from chassis.mongo import open_database, require_replica_set
from chassis.redis import open_redis
from chassis.revocations import RevocationFeed, Revocations
from chassis.server import Application, Service
from chassis.tokens import TokenVerifier
from chassis.tracing import open_tracer
from ordermesh.inventory.v1 import inventory_service_pb2
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from ordermesh.orders.v1 import order_service_pb2 as pb
from ordermesh.orders.v1.order_service_pb2_grpc import add_OrderServiceServicer_to_server
from services.orders.cache import CACHE_PORT, OrderCache, RedisCache
from services.orders.changes import CHANGES_PORT, RedisChanges
from services.orders.config import OrdersConfig
from services.orders.grpc_stock import GrpcStock
from services.orders.mongo_store import MongoStore
from services.orders.relay import QUEUE_PORT, SEND_LEASE_SHARE, Relay
from services.orders.servicer import OrderServicer
from services.orders.sqs_queue import SqsQueue
from services.orders.stock import STOCK_PORT, Stock
from services.orders.store import STORE_PORT, OrderStore
from services.orders.sweep import Sweep
from services.orders.watch_outbox import watch_outbox
from services.orders.watchers import Watchers

CACHE_SECONDS_MAX = 0.05
"""How long the cache may take: slower than this, MongoDB is asked instead."""

CACHE_CONNECTIONS_MAX = 50

SQS_ATTEMPTS_MAX = 1
"""The relay itself tries again, when its lease ends; botocore would send again what may have arrived."""

SQS_CONNECTIONS_MAX = 20


def build_orders(
    store: OrderStore, stock: Stock, cache: OrderCache, relay: Relay, watchers: Watchers, clock: Clock
) -> Service:
    """The service around its ports."""
    servicer = OrderServicer(store, stock, cache, relay, watchers, clock)
    return Service(
        descriptor=pb.DESCRIPTOR.services_by_name["OrderService"],
        register=partial(add_OrderServiceServicer_to_server, servicer),
    )


@asynccontextmanager
async def open_orders(config: OrdersConfig) -> AsyncIterator[Application]:
    """Open what orders needs, in order; close it in reverse."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(open_tracer(config.tracing))
        database = await stack.enter_async_context(open_database(config.mongo))
        cache_redis = await stack.enter_async_context(
            open_redis(config.redis, timeout_seconds=CACHE_SECONDS_MAX, connections_max=CACHE_CONNECTIONS_MAX)
        )
        redis = await stack.enter_async_context(open_redis(config.redis))
        sqs = await stack.enter_async_context(
            open_aws_client(
                config.aws,
                "sqs",
                attempts_max=SQS_ATTEMPTS_MAX,
                read_timeout_seconds=SEND_LEASE_SHARE * config.relay_lease.total_seconds(),
                connections_max=SQS_CONNECTIONS_MAX,
            )
        )
        auth = await stack.enter_async_context(open_auth(config.mesh, config.server.tls))
        inventory_service = inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"]
        channel = await stack.enter_async_context(
            open_channel(config.inventory_address, inventory_service, config.server.tls)
        )

        keys, token = RemoteKeys(auth), ServiceToken(auth, config.mesh)
        revocations = Revocations(clock)
        store = around(MongoStore(database, config.sweep), STORE_PORT)
        stock = around(GrpcStock(InventoryServiceStub(channel), token), STOCK_PORT)
        queue = around(SqsQueue(sqs, config.queue_url, tracer), QUEUE_PORT)
        cache = around(RedisCache(cache_redis), CACHE_PORT)
        depth_max = config.queue_depth_max
        relay = Relay(store, queue, clock, config.relay_lease, depth_max)
        watchers = Watchers(store, around(RedisChanges(redis), CHANGES_PORT))
        sweep = Sweep(store, stock, queue, relay, clock, depth=depth_max // 2)
        yield Application(
            services=[build_orders(store, stock, cache, relay, watchers, clock)],
            verifier=TokenVerifier(keys, clock, revocations),
            prepare=[
                ("the database", partial(require_replica_set, config.mongo)),
                ("indexes", store.create_indexes),
                ("auth", keys.fetch),
                ("auth", token.renew),
            ],
            loops=[
                ("keys", keys.keep_fresh),
                ("revocations", RevocationFeed(redis, revocations).run),
                ("relay", relay.run),
                ("outbox", partial(watch_outbox, store, clock)),
                ("changes of others", watchers.hear),
                ("changes for others", watchers.tell),
                ("watched orders", watchers.read),
                ("sweep", partial(sweep.run, config.sweep)),
            ],
            tracer=tracer,
        )
