"""The arguments that the demo starts its stores with are ones that they take."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from redis.asyncio import Redis

from chassis.background import running
from deploy.cluster.replica_set import open_member
from deploy.cluster.watch_mongodb import watch_mongodb
from deploy.local.mongod import mongod_process
from deploy.local.ports import HOST, free_ports
from deploy.local.redis_server import redis_process, redis_url
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor
from tests.k8s.renderings import rendering

SOON_SECONDS = 60.0


def arguments(container: str) -> list[str]:
    (found,) = (known for known in rendering("demo").containers() if known.name == container)
    return list(map(str, found.spec["args"]))


def here(arguments: Sequence[str], **elsewhere: str) -> list[str]:
    """The same arguments for a server that listens on this machine alone."""
    assert elsewhere.keys() <= set(arguments)
    return [part for argument in arguments for part in elsewhere.get(argument, argument).split(" ")]


async def test_mongod_takes_the_demos_arguments(tmp_path: Path) -> None:
    state, ports = StateDirectory(tmp_path), free_ports(["mongod", "health"])
    local = mongod_process(os.environ, state, ports["mongod"])

    async def answers() -> None:
        async with open_member(f"{HOST}:{ports['mongod']}") as client:
            await client.admin.command("ping")

    told = here(
        arguments("mongodb/mongodb"),
        **{
            "--bind_ip_all": f"--bind_ip={HOST} --port={ports['mongod']}",
            "--dbpath=/data/db": f"--dbpath={state.data('mongo')}",
        },
    )
    watched = watch_mongodb(f"{HOST}:{ports['mongod']}", "ordermesh", f"{HOST}:{ports['mongod']}", ports["health"])
    async with Supervisor(state, print) as supervisor:
        await supervisor.start(replace(local, command=(local.command[0], *told), probe=answers))
        async with (
            running(asyncio.create_task(watched)),
            asyncio.timeout(SOON_SECONDS),
            open_member(f"{HOST}:{ports['mongod']}") as client,
        ):
            while not (await client.admin.command("hello"))["isWritablePrimary"]:
                await asyncio.sleep(0.1)
            limit = await client.admin.command("getParameter", 1, transactionLifetimeLimitSeconds=1)
            oplog = await client.local.command("collStats", "oplog.rs")

    assert limit["transactionLifetimeLimitSeconds"] == 3
    assert oplog["maxSize"] == 128 * 2**20


async def test_redis_takes_the_demos_arguments(tmp_path: Path) -> None:
    state, port = StateDirectory(tmp_path), free_ports(["redis"])["redis"]
    local = redis_process(os.environ, state, port)
    told = [*arguments("redis/redis"), "--bind", HOST, "--port", str(port)]
    async with Supervisor(state, print) as supervisor:
        await supervisor.start(replace(local, command=(local.command[0], *told)))
        async with Redis.from_url(redis_url(port)) as client:
            settings = await client.config_get("save", "appendonly", "maxmemory", "maxmemory-policy")

    assert settings == {
        "save": "",
        "appendonly": "no",
        "maxmemory": str(64 * 2**20),
        "maxmemory-policy": "allkeys-lru",
    }
