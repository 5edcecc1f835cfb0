"""The MongoDB client of a process, and what must hold of its server."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ssl import SSLError
from typing import Any, Self

from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
)
from pymongo.monitoring import (
    ServerHeartbeatFailedEvent,
    ServerHeartbeatListener,
    ServerHeartbeatStartedEvent,
    ServerHeartbeatSucceededEvent,
)
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri

from chassis.config import ConfigError, Environment

Document = dict[str, Any]
Database = AsyncDatabase[Document]

SERVER_SELECTION_SECONDS = 3.0
"""How long a call waits for a primary before its caller hears UNAVAILABLE."""

POOL_SIZE_MAX = 50

MONGO_DOWN = (ConnectionFailure, ExecutionTimeout, WaitQueueTimeoutError, WriteConcernError, ConfigurationError)
"""What the driver raises when its server does not answer, or does not confirm; callers see UNAVAILABLE.

A ConfigurationError too: a member that has just been started does not say yet that it knows sessions.
"""


@dataclass(frozen=True)
class MongoConfig:
    """Where a service's own database is. ``uri`` may hold a password, so it does not show itself."""

    uri: str
    database: str

    @classmethod
    def read(cls, env: Environment, service: str) -> Self:
        """Read ``MONGO_URI``; the database is the one that it names, else the service's name."""
        uri = env.text("MONGO_URI")
        parts = _PARTS.fullmatch(uri)
        if parts is None:
            if uri:
                env.problem("MONGO_URI", _IS_NONE)
            return cls(uri, service)
        try:
            if not parts["is_srv"]:  # to parse one of these takes a question to DNS
                parse_uri(uri, validate=True)
        except (PyMongoError, ValueError, TypeError):
            env.problem("MONGO_URI", _IS_NONE)
        except OSError as error:
            env.problem("MONGO_URI", f"names a file for TLS that cannot be read: {error.strerror}")
        return cls(uri, parts["database"] or service)

    def __repr__(self) -> str:
        return f"MongoConfig(database={self.database!r})"


@asynccontextmanager
async def open_database(config: MongoConfig) -> AsyncIterator[Database]:
    """The service's database: majority reads and writes at the primary, times in UTC.

    It connects when it is first used, so opening never fails for a server that is down.

    :raises ConfigError: when the URI's options do not go together, or the files that it names are not for TLS.
    """
    try:
        client: AsyncMongoClient[Document] = AsyncMongoClient(
            config.uri,
            tz_aware=True,
            maxPoolSize=POOL_SIZE_MAX,
            serverSelectionTimeoutMS=int(SERVER_SELECTION_SECONDS * 1000),
            connectTimeoutMS=int(SERVER_SELECTION_SECONDS * 1000),
            socketTimeoutMS=20_000,
            appname=f"ordermesh-{config.database}",
            event_listeners=[_Heard()],
        )
    except (InvalidURI, ValueError, TypeError):
        raise ConfigError(f"MONGO_URI {_IS_NONE}") from None
    except (PyMongoError, SSLError) as error:
        raise ConfigError(f"MONGO_URI: {error}") from error
    try:
        yield client.get_database(
            config.database,
            read_preference=ReadPreference.PRIMARY,
            write_concern=WriteConcern("majority"),
            read_concern=ReadConcern("majority"),
        )
    finally:
        await client.close()


_PARTS = re.compile(r"mongodb(?P<is_srv>\+srv)?://[^/?#]+(?:/(?P<database>[^?#@]*))?(?:\?[^@]*)?")
"""Without an @ behind the hosts: it would end a password with a /, ? or # in it, which the driver takes for the end of
the hosts, and tells everybody where it looks for them."""

_IS_NONE = (
    "is no MongoDB URI, or has an option in it that pymongo does not know; "
    "user, password and values must be percent-encoded"
)
"""The driver's own texts may hold a part of the password."""

_REFUSED_CODES = {13: "Unauthorized", 18: "AuthenticationFailed"}


class _Heard(ServerHeartbeatListener):
    """What each server last said of itself.

    The driver forgets a server that is not of the replica set that the URI names, and waits for ever.
    """

    def __init__(self) -> None:
        self.hellos: dict[object, Mapping[str, Any]] = {}

    def started(self, event: ServerHeartbeatStartedEvent) -> None:
        """Nothing was said yet."""

    def succeeded(self, event: ServerHeartbeatSucceededEvent) -> None:
        """Keep the answer."""
        self.hellos[event.connection_id] = event.reply.document

    def failed(self, event: ServerHeartbeatFailedEvent) -> None:
        """Forget what a server said that is away now: it may come back as another one."""
        self.hellos.pop(event.connection_id, None)


async def require_replica_set(config: MongoConfig) -> None:
    """Make sure that the server can keep what it acknowledges, and knows sessions; to be done before it is used.

    It is asked over connections of their own. One to a member that has just been started, and does not say yet that
    it knows sessions, never learns of it: nothing in the driver asks again, and the pool keeps it.

    :raises ConfigError: when it refuses our credentials, when it is of another replica set than the URI
        says, and for a standalone server: it has no transactions, and one that is killed may lose
        acknowledged writes (SERVER-139311).
    """
    async with open_database(config) as database, database.client.start_session() as session:
        expected = database.client.options.replica_set_name
        try:
            hello = await database.client.admin.command("hello")
            await database.list_collection_names(session=session)
        except OperationFailure as error:
            if error.code in _REFUSED_CODES:
                raise ConfigError("MONGO_URI: MongoDB refuses the user or the password in it") from error
            raise
        except ServerSelectionTimeoutError as error:
            for heard in _heard(database):
                _require_set(heard, expected, error)
            raise
        _require_set(hello, expected)


def _require_set(hello: Mapping[str, Any], expected: str | None, cause: Exception | None = None) -> None:
    if hello.get("isreplicaset"):  # to be: it is not initiated yet
        return
    if hello.get("msg") == "isdbgrid":
        if expected:
            raise ConfigError(f"MONGO_URI names the replica set {expected}, and the server is a mongos") from cause
    elif "setName" not in hello:
        raise ConfigError(
            "MONGO_URI names a standalone MongoDB; a replica set is needed, one node is enough"
        ) from cause
    elif expected not in (None, hello["setName"]):
        raise ConfigError(
            f"MONGO_URI names the replica set {expected}, and the server's is {hello['setName']}"
        ) from cause


def _heard(database: Database) -> list[Mapping[str, Any]]:
    listeners = database.client.options.event_listeners
    return [hello for listener in listeners if isinstance(listener, _Heard) for hello in listener.hellos.values()]
