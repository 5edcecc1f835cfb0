"""Auth put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial

from chassis.clock import Clock, SystemClock
from chassis.crash_points import around
from chassis.mongo import MongoConfig, open_database, require_replica_set
from chassis.rate_limits import RateLimits
from chassis.redis import open_redis
from chassis.redis_counts import open_redis_counts
from chassis.revocations import Revocations
from chassis.server import Application, Service
from chassis.tokens import TokenVerifier
from chassis.tracing import open_tracer
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import add_AuthServiceServicer_to_server
from services.auth.access_tokens import AccessTokens
from services.auth.announcements import ANNOUNCEMENTS_PORT, Announcer, RedisAnnouncements
from services.auth.change_password import ChangePassword
from services.auth.config import AuthConfig
from services.auth.end_sessions import EndSessions
from services.auth.get_current_user import GetCurrentUser
from services.auth.issue_service_token import IssueServiceToken
from services.auth.issue_ticket import IssueTicket
from services.auth.keys import KeyRing, LocalKeys
from services.auth.limits import AuthLimits
from services.auth.login import Login
from services.auth.logout import Logout, LogoutAll
from services.auth.mongo_store import MongoStore
from services.auth.passwords import Passwords
from services.auth.refresh import Refresh
from services.auth.refresh_tokens import RefreshTokens
from services.auth.register import Register
from services.auth.service_clients import ServiceClients
from services.auth.servicer import AuthServicer
from services.auth.set_user_role import SetUserRole
from services.auth.store import STORE_PORT, AuthStore
from services.auth.token_pairs import TokenPairs


def build_auth(
    *,
    store: AuthStore,
    passwords: Passwords,
    keys: KeyRing,
    refresh_tokens: RefreshTokens,
    clients: ServiceClients,
    end_sessions: EndSessions,
    limits: AuthLimits,
    clock: Clock,
) -> AuthServicer:
    """The servicer with its use cases."""
    access_tokens = AccessTokens(keys, clock)
    token_pairs = TokenPairs(access_tokens, refresh_tokens, clock)
    return AuthServicer(
        register=Register(store, passwords, clock, limits),
        login=Login(store, passwords, token_pairs, end_sessions, clock, limits),
        refresh=Refresh(store, refresh_tokens, token_pairs, end_sessions, clock, limits),
        logout=Logout(store, refresh_tokens, end_sessions),
        logout_all=LogoutAll(store, end_sessions),
        change_password=ChangePassword(store, passwords, end_sessions, clock, limits),
        set_user_role=SetUserRole(store, end_sessions, clock),
        get_current_user=GetCurrentUser(store),
        issue_service_token=IssueServiceToken(clients, access_tokens),
        issue_ticket=IssueTicket(access_tokens),
        published_keys=keys.published,
    )


def service_of(servicer: AuthServicer) -> Service:
    """The servicer as what a server registers."""
    descriptor = auth_pb2.DESCRIPTOR.services_by_name["AuthService"]
    return Service(descriptor, partial(add_AuthServiceServicer_to_server, servicer))


@asynccontextmanager
async def open_auth(config: AuthConfig) -> AsyncIterator[Application]:
    """Open what auth needs, in order; close it in reverse."""
    clock = SystemClock()
    keys = KeyRing.derive(config.jwt_secret, config.jwt_secret_next, config.jwt_secret_previous)
    async with (
        open_tracer(config.tracing) as tracer,
        open_database(config.mongo) as database,
        open_redis(config.redis) as redis,
        open_redis_counts(config.redis) as counts,
    ):
        store = around(MongoStore(database), STORE_PORT)
        announcements = around(RedisAnnouncements(redis), ANNOUNCEMENTS_PORT)
        revocations = Revocations(clock)
        announcer = Announcer(store, announcements, revocations, clock)
        rates = RateLimits(counts, config.jwt_refresh_secret, clock)
        with closing(Passwords(config.hash_parameters)) as passwords:
            servicer = build_auth(
                store=store,
                passwords=passwords,
                keys=keys,
                refresh_tokens=RefreshTokens(config.jwt_refresh_secret, config.jwt_refresh_secret_previous),
                clients=config.service_clients,
                end_sessions=EndSessions(store, revocations, announcer, clock),
                limits=AuthLimits(config.limits, rates),
                clock=clock,
            )
            yield Application(
                services=[service_of(servicer)],
                verifier=TokenVerifier(LocalKeys(keys), clock, revocations),
                prepare=[
                    ("MongoDB", partial(require_replica_set, config.mongo)),
                    ("the indexes of users and sessions", store.create_indexes),
                ],
                loops=[("announcements", announcer.run), ("limits", rates.keep_settled)],
                tracer=tracer,
            )


@asynccontextmanager
async def open_store(config: MongoConfig) -> AsyncIterator[AuthStore]:
    """The store alone, ready to be used: what the operator's commands need."""
    await require_replica_set(config)
    async with open_database(config) as database:
        store = around(MongoStore(database), STORE_PORT)
        await store.create_indexes()
        yield store
