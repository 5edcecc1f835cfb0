"""Puts inventory together: what it opens, in order, closed in reverse."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from chassis.background import running, supervise
from chassis.clock import Clock, SystemClock
from chassis.crash_points import around
from chassis.mesh import RemoteKeys, open_auth
from chassis.mongo import open_database, require_replica_set
from chassis.redis import open_redis
from chassis.revocations import RevocationFeed, Revocations
from chassis.server import Application, Service
from chassis.tokens import TokenVerifier
from chassis.tracing import open_tracer
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1.inventory_service_pb2_grpc import add_InventoryServiceServicer_to_server
from services.inventory.config import InventoryConfig
from services.inventory.mongo_store import MongoStore
from services.inventory.reserve_stock import expire_holds
from services.inventory.servicer import InventoryServicer
from services.inventory.store import STORE_PORT, InventoryStore
from services.inventory.writer import Writer


def build_inventory(store: InventoryStore, writer: Writer, clock: Clock, hold_seconds: float) -> Service:
    """The service around a store. The writer must be running."""
    servicer = InventoryServicer(store, writer, clock, hold_seconds)
    return Service(
        descriptor=pb.DESCRIPTOR.services_by_name["InventoryService"],
        register=partial(add_InventoryServiceServicer_to_server, servicer),
    )


@asynccontextmanager
async def open_inventory(config: InventoryConfig) -> AsyncIterator[Application]:
    """Open what inventory needs, in order; close it in reverse."""
    clock = SystemClock()
    async with (
        open_tracer(config.tracing) as tracer,
        open_database(config.mongo) as database,
        open_auth(config.mesh, config.server.tls) as auth,
        open_redis(config.redis) as redis,
    ):
        revocations = Revocations(clock)
        store, keys = around(MongoStore(database), STORE_PORT), RemoteKeys(auth)
        writer = Writer(store)
        # Not one of the application's loops: those end before the last calls do, and calls need the writer.
        async with running(asyncio.create_task(supervise("writer", writer.run))):
            yield Application(
                services=[build_inventory(store, writer, clock, config.hold_seconds)],
                verifier=TokenVerifier(keys, clock, revocations),
                prepare=[
                    ("the database", partial(require_replica_set, config.mongo)),
                    ("indexes", store.create_indexes),
                    ("auth", keys.fetch),
                ],
                loops=[
                    ("keys", keys.keep_fresh),
                    ("revocations", RevocationFeed(redis, revocations).run),
                    ("expiry", partial(expire_holds, store, writer, clock, config.hold_seconds)),
                ],
                tracer=tracer,
            )
