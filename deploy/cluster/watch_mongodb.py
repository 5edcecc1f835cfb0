"""``mongodb``: keeps the MongoDB of this pod a replica set of one."""

import argparse

from chassis.logs import configure_logging
from chassis.process import run
from deploy.cluster.replica_set import is_counted_from_one, open_member, outrank_former_sets, take_step
from deploy.cluster.watch import watch


class NoPrimaryYet(Exception):
    """The set was told, and the member has not elected itself yet."""


def main(parsed: argparse.Namespace) -> None:
    """Watch until the process is told to stop."""
    configure_logging("info", "json")
    run(lambda: watch_mongodb(parsed.address, parsed.set, parsed.member, parsed.health_port))


async def watch_mongodb(address: str, set_name: str, member: str, health_port: int) -> None:
    """Keep the mongod at ``address`` the primary of a set that has it, as ``member``, alone."""
    has_tried = False
    async with open_member(address) as client:

        async def put_right() -> None:
            nonlocal has_tried
            if not await take_step(client, set_name, member):
                raise NoPrimaryYet(f"{member} is not the primary of {set_name} yet")
            if not await is_counted_from_one(client):
                has_tried = False
            elif not has_tried:  # once: should a MongoDB not heed it, its set is as good as it can be
                has_tried = True
                await outrank_former_sets(client)
                raise NoPrimaryYet(f"{member} steps down, to be elected in a later term")

        await watch("mongodb", put_right, health_port)
