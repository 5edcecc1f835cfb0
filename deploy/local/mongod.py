"""A real mongod, as a replica set of one: without one MongoDB has no transactions."""

import asyncio
from collections.abc import Mapping

from pymongo.errors import OperationFailure

from deploy.cluster.replica_set import NOT_YET, Client, open_member, take_step
from deploy.local.binaries import find_mongod
from deploy.local.environments import bare_environment
from deploy.local.ports import HOST
from deploy.local.process import Process
from deploy.local.state import StateDirectory

REPLICA_SET = "ordermesh"
CACHE_GIGABYTES = 0.25
CHECKPOINT_SECONDS = 5
"""How often it writes a checkpoint (MongoDB's own default is 60). When it is killed it starts by repeating what came
since: killed again and again before the first one, that is everything since the beginning, each time longer."""

QUIESCE_MILLISECONDS = 100
"""mongod waits this long for clients to leave before it stops; 15 s if nothing were said."""

TRANSACTION_SECONDS_MAX = 3
"""What a process that was killed in a transaction wrote stays locked for so long; 60 s if nothing were said."""


def mongo_uri(port: int) -> str:
    """Where the stack's own MongoDB is."""
    return f"mongodb://{HOST}:{port}/?replicaSet={REPLICA_SET}"


def mongod_process(values: Mapping[str, str], state: StateDirectory, port: int) -> Process:
    """A mongod that keeps its data in ``state``.

    :raises StackError: when there is none that starts.
    """
    binary = find_mongod(values, state.libraries)
    return Process(
        name="mongod",
        command=(
            *(binary.path, "--replSet", REPLICA_SET, "--bind_ip", HOST, "--port", str(port)),
            *("--dbpath", str(state.data("mongo")), "--wiredTigerCacheSizeGB", str(CACHE_GIGABYTES)),
            *("--nounixsocket", "--noscripting", "--quiet", "--syncdelay", str(CHECKPOINT_SECONDS)),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *("--setParameter", f"transactionLifetimeLimitSeconds={TRANSACTION_SECONDS_MAX}"),
            *("--setParameter", f"shutdownTimeoutMillisForSignaledShutdown={QUIESCE_MILLISECONDS}"),
        ),
        environment=bare_environment(values) | binary.environment,
        probe=lambda: form_replica_set(port),
    )


async def form_replica_set(port: int) -> None:
    """Make the mongod at ``port`` the primary of a set of one, whatever port it had before.

    :raises pymongo.errors.PyMongoError: while it does not answer.
    """
    member = f"{HOST}:{port}"
    async with open_member(member) as client:
        while not await _is_primary(client, member):  # noqa: ASYNC110 - mongod has no event to wait for
            await asyncio.sleep(0.02)


async def _is_primary(client: Client, member: str) -> bool:
    try:
        return await take_step(client, REPLICA_SET, member)
    except OperationFailure as error:
        if error.code not in NOT_YET:
            raise
        return False
