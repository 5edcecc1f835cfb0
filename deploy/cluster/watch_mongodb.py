"""``mongodb``: keeps the MongoDB of this pod a replica set of one."""

import argparse

from chassis.logs import configure_logging
from chassis.process import run
from deploy.cluster.replica_set import (
    Client,
    is_counted_from_one,
    open_member,
    outrank_former_sets,
    process_of,
    take_step,
)
from deploy.cluster.watch import watch


class NoPrimaryYet(Exception):
    """The set was told, and the member has not elected itself yet."""


def main(parsed: argparse.Namespace) -> None:
    """Watch until the process is told to stop."""
    configure_logging("info", "json")
    run(lambda: watch_mongodb(parsed.address, parsed.set, parsed.member, parsed.health_port))


async def watch_mongodb(address: str, set_name: str, member: str, health_port: int) -> None:
    """Keep the mongod at ``address`` the primary of a set that has it, as ``member``, alone."""
    async with open_member(address) as client:
        await watch("mongodb", SetOfOne(client, set_name, member).put_right, health_port)


class SetOfOne:
    """The set that ``client``'s mongod is to be, whatever becomes of its process and its disk meanwhile."""

    def __init__(self, client: Client, set_name: str, member: str) -> None:
        self._client = client
        self._set_name = set_name
        self._member = member
        self._outranked_in: object = None
        """The process whose set was told to outrank others."""

    async def put_right(self) -> None:
        """One round.

        :raises NoPrimaryYet: when another one is needed.
        """
        if not await take_step(self._client, self._set_name, self._member):
            raise NoPrimaryYet(f"{self._member} is not the primary of {self._set_name} yet")
        if not await is_counted_from_one(self._client):
            return
        process = await process_of(self._client)
        if process != self._outranked_in:  # once: should a MongoDB not heed it, its set is as good as it can be
            self._outranked_in = process
            await outrank_former_sets(self._client)
            raise NoPrimaryYet(f"{self._member} steps down, to be elected in a later term")
