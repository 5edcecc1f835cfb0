"""Puts the notifier together: what it opens, in order, closed in reverse."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from chassis.tracing import NO_TRACER, Tracer, open_tracer
from ordermesh.notifier.v1 import notifier_service_pb2 as pb
from ordermesh.notifier.v1.notifier_service_pb2_grpc import add_NotifierServiceServicer_to_server
from ordermesh.orders.v1 import order_service_pb2 as orders_pb
from services.notifier.config import NotifierConfig
from services.notifier.dead_letter_store import DEAD_LETTERS_PORT, DeadLetterStore
from services.notifier.delivery_failure import DELIVERY_FAILURES_PORT, DeliveryFailures
from services.notifier.drainer import Drainer
from services.notifier.errors import Dependency
from services.notifier.grpc_orders import GrpcOrders
from services.notifier.handle_message import MessageHandler
from services.notifier.mailer import MAILER_PORT, Mailer
from services.notifier.mongo_dead_letters import MongoDeadLetters
from services.notifier.mongo_delivery_failures import MongoDeliveryFailures
from services.notifier.mongo_store import MongoStore
from services.notifier.order_event import order_id_of
from services.notifier.orders import ORDERS_PORT, Orders
from services.notifier.outage import Gate
from services.notifier.queue import DEAD_LETTER_QUEUE_PORT, QUEUE_PORT, REDRIVE_QUEUE_PORT, Queue
from services.notifier.redrive import Redriver
from services.notifier.servicer import NotifierServicer
from services.notifier.ses_mailer import SesMailer
from services.notifier.sqs_queue import RECEIVE_WAIT_SECONDS, SqsDeadLetterQueue, SqsQueue, SqsRedriveQueue
from services.notifier.store import STORE_PORT, NotificationStore
from services.notifier.tell_customer import Teller
from services.notifier.worker import MESSAGES_IN_FLIGHT_MAX, Worker, WorkerLimits

_log = logging.getLogger(__name__)

SQS_ATTEMPTS_MAX = 3
SQS_READ_SECONDS = RECEIVE_WAIT_SECONDS + 5.0
SQS_CONNECTIONS_MAX = 10
SES_ATTEMPTS_MAX = 1
"""botocore's own second attempt would be a second mail."""


def build_notifier(store: NotificationStore, letters: DeadLetterStore, redriver: Redriver, clock: Clock) -> Service:
    """The service around its stores."""
    servicer = NotifierServicer(store, letters, redriver, clock)
    return Service(
        descriptor=pb.DESCRIPTOR.services_by_name["NotifierService"],
        register=partial(add_NotifierServiceServicer_to_server, servicer),
    )


def build_worker(
    queue: Queue,
    orders: Orders,
    mailer: Mailer,
    store: NotificationStore,
    failures: DeliveryFailures,
    clock: Clock,
    limits: WorkerLimits,
    lease_seconds: float,
    send_seconds: float,
    tracer: Tracer = NO_TRACER,
    queue_url: str = "",
) -> Worker:
    """The worker around its dependencies; ``send_seconds`` is how long the mailer may take."""
    gate = Gate({Dependency.ORDERS: orders.probe, Dependency.DATABASE: store.probe, Dependency.SES: mailer.probe})
    teller = Teller(store, mailer, clock, lease_seconds, send_seconds)
    return Worker(queue, MessageHandler(order_id_of, orders, teller, tracer, queue_url).handle, gate, failures, limits)


@asynccontextmanager
async def open_notifier(config: NotifierConfig) -> AsyncIterator[Application]:
    """Open what the notifier needs, in order; close it in reverse."""
    clock = SystemClock()
    orders_service = orders_pb.DESCRIPTOR.services_by_name["OrderService"]
    async with (
        open_tracer(config.tracing) as tracer,
        open_database(config.mongo) as database,
        open_auth(config.mesh, config.server.tls) as auth,
        open_redis(config.redis) as redis,
        open_channel(config.orders_address, orders_service, config.server.tls) as orders_channel,
        open_aws_client(
            config.aws,
            "sqs",
            attempts_max=SQS_ATTEMPTS_MAX,
            read_timeout_seconds=SQS_READ_SECONDS,
            connections_max=SQS_CONNECTIONS_MAX,
        ) as sqs,
        open_aws_client(
            config.aws,
            "sesv2",
            attempts_max=SES_ATTEMPTS_MAX,
            read_timeout_seconds=config.ses_timeout_seconds,
            connections_max=MESSAGES_IN_FLIGHT_MAX,
        ) as ses,
    ):
        keys, revocations = RemoteKeys(auth), Revocations(clock)
        token = ServiceToken(auth, config.mesh)
        store = around(MongoStore(database), STORE_PORT)
        letters = around(MongoDeadLetters(database), DEAD_LETTERS_PORT)
        failures = around(MongoDeliveryFailures(database, clock), DELIVERY_FAILURES_PORT)
        redriver = Redriver(letters, around(SqsRedriveQueue(sqs, config.queue_url), REDRIVE_QUEUE_PORT), clock)
        loops = [
            ("keys", keys.keep_fresh),
            ("revocations", RevocationFeed(redis, revocations).run),
            ("redrive", redriver.run),
        ]
        if config.dead_letter_queue_url:
            dead_letter_queue = around(
                SqsDeadLetterQueue(sqs, config.dead_letter_queue_url, config.visibility_seconds),
                DEAD_LETTER_QUEUE_PORT,
            )
            loops.append(("drainer", Drainer(dead_letter_queue, letters, failures, clock).run))
        else:
            _log.warning("AWS_SQS_DLQ_URL is not set: dead letters stay in their queue, and none is listed")
        worker = build_worker(
            around(SqsQueue(sqs, config.queue_url, config.visibility_seconds), QUEUE_PORT),
            around(GrpcOrders(orders_channel, token), ORDERS_PORT),
            around(SesMailer(ses, config.sender, config.ses_timeout_seconds), MAILER_PORT),
            store,
            failures,
            clock,
            WorkerLimits(config.heartbeat_seconds, config.server.drain_seconds),
            config.lease_seconds,
            config.ses_timeout_seconds,
            tracer,
            config.queue_url,
        )
        yield Application(
            services=[build_notifier(store, letters, redriver, clock)],
            verifier=TokenVerifier(keys, clock, revocations),
            prepare=[
                ("the database", partial(require_replica_set, config.mongo)),
                ("indexes", store.create_indexes),
                ("indexes", letters.create_indexes),
                ("indexes", failures.create_indexes),
                ("auth", keys.fetch),
                ("auth", token.renew),
            ],
            loops=[*loops, ("worker", worker.run)],
            tracer=tracer,
        )
