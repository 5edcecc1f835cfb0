"""Making a mongod the primary of a replica set of one, whatever was before."""

from time import time
from typing import Any

from bson import Int64
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

Client = AsyncMongoClient[dict[str, Any]]

ANSWER_MILLISECONDS = 2_000
ELECTION_MILLISECONDS = 1_000
"""How long one that stepped down waits before it elects itself; there is nobody else to wait for."""

NOT_YET = {23: "AlreadyInitialized", 93: "InvalidReplicaSetConfig", 94: "NotYetInitialized"}
"""What mongod may say while it reads its own configuration, or cannot yet resolve its own name."""

REMOVED = 10
"""The state of a member that did not find itself in its set: its address changed, or was not known yet when it looked.
It does not look again by itself."""

STALE_TERM = 135
TERM_BYTES = slice(4, 12)
"""Where in an ``electionId`` the term of the primary is."""

FIRST_TERMS = 1_000_000
"""Terms up to this were counted from 1; beyond are times."""


def open_member(address: str) -> Client:
    """A client of the mongod at ``address`` (``host:port``) alone, whatever set it is in."""
    return AsyncMongoClient(f"mongodb://{address}/?directConnection=true", serverSelectionTimeoutMS=ANSWER_MILLISECONDS)


async def take_step(client: Client, set_name: str, member: str) -> bool:
    """Do what brings the mongod nearer to being the primary of a set of ``member`` alone; whether it is there.

    :raises pymongo.errors.PyMongoError: while it does not answer, and with a code of ``NOT_YET`` while it cannot be
        told.
    """
    hello = await client.admin.command("hello")
    if hello.get("isWritablePrimary"):
        if hello.get("me") == member:
            return True
        await _name_the_member(client, set_name, member)
    elif not hello.get("secondary"):  # a secondary is about to elect itself
        await _name_the_member(client, set_name, member)
    return False


async def is_counted_from_one(client: Client) -> bool:
    """Whether the primary's term is that of a set whose terms were never raised."""
    election: Any = (await client.admin.command("hello"))["electionId"]
    return int.from_bytes(election.binary[TERM_BYTES], "big") < FIRST_TERMS


async def process_of(client: Client) -> object:
    """What tells this start of the mongod from every other."""
    return (await client.admin.command("hello"))["topologyVersion"]["processId"]


async def outrank_former_sets(client: Client) -> None:
    """Raise the term of a new set to the time, beyond that of any set that was here before under its name.

    Drivers keep to the primary with the highest term that they have seen: when a set comes back without its data, and
    its former one had more elections, they would take its primary for a stale one until they are started again. The
    field ``term`` of ``find`` is how the members of a set tell each other of terms: who hears of a higher one steps
    down, and is elected in the one after that.
    """
    try:
        await client.local.command({"find": "oplog.rs", "limit": 1, "singleBatch": True, "term": Int64(int(time()))})
    except OperationFailure as error:
        if error.code != STALE_TERM:
            raise


async def _name_the_member(client: Client, set_name: str, member: str) -> None:
    members = [{"_id": 0, "host": member}]
    try:
        config = (await client.admin.command("replSetGetConfig"))["config"]
    except OperationFailure:  # there is none; or, with authentication and without users, it is not ours to read
        told = {"_id": set_name, "members": members, "settings": {"electionTimeoutMillis": ELECTION_MILLISECONDS}}
        await client.admin.command("replSetInitiate", told)
        return
    if [known["host"] for known in config["members"]] != [member] or await _is_lost(client):
        told = config | {"members": members, "version": config["version"] + 1}
        await client.admin.command("replSetReconfig", told, force=True)


async def _is_lost(client: Client) -> bool:
    try:
        status = await client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        return error.code in NOT_YET  # "our replica set config is invalid or we are not a member of it"
    return bool(status["myState"] == REMOVED)
