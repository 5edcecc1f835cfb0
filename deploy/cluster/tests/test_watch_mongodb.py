"""The replica set of a pod's MongoDB: formed when there is none, mended when the member is not itself any more."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import DuplicateKeyError, PyMongoError

from chassis.background import running
from deploy.cluster import watch as watching
from deploy.cluster.replica_set import is_counted_from_one, open_member
from deploy.cluster.watch_mongodb import NoPrimaryYet, SetOfOne, watch_mongodb
from deploy.local.mongod import mongod_process
from deploy.local.ports import free_ports
from deploy.local.process import Process
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor

SET = "ordermesh"
SOON_SECONDS = 90.0


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(watching, "TRY_AGAIN_SECONDS", 0.1)


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path)


@pytest.fixture
async def supervisor(state: StateDirectory) -> AsyncIterator[Supervisor]:
    async with Supervisor(state, print) as supervisor:
        yield supervisor


def bare(state: StateDirectory, port: int) -> Process:
    """A mongod that nobody has told anything, ready when it answers."""

    async def answers() -> None:
        async with open_member(f"127.0.0.1:{port}") as client:
            await client.admin.command("ping")

    return replace(mongod_process(os.environ, state, port), probe=answers)


async def until_written(port: int, number: int) -> None:
    """As a client of the set by its name, which finds the member by the name that the set gives it."""
    async with asyncio.timeout(SOON_SECONDS):
        while True:
            try:
                async with AsyncMongoClient[dict[str, object]](
                    f"mongodb://localhost:{port}/?replicaSet={SET}", serverSelectionTimeoutMS=500
                ) as client:
                    await client.kept.things.insert_one({"_id": number})
            except DuplicateKeyError:
                return  # the try before was not confirmed, and did it
            except PyMongoError:
                await asyncio.sleep(0.1)
            else:
                return


async def numbers(port: int) -> list[object]:
    async with open_member(f"127.0.0.1:{port}") as client:
        return [document["_id"] async for document in client.kept.things.find().sort("_id")]


async def member_of(port: int) -> object:
    async with open_member(f"127.0.0.1:{port}") as client:
        return (await client.admin.command("hello")).get("me")


async def reason_not_yet(member: SetOfOne) -> str:
    """Why the set is not yet what it is to be; empty when it is."""
    try:
        await member.put_right()
    except (NoPrimaryYet, PyMongoError) as error:
        return str(error)
    return ""


async def test_the_set_is_formed_whenever_the_pod_comes_back(state: StateDirectory, supervisor: Supervisor) -> None:
    ports = free_ports(["mongod", "moved", "health"])
    port = ports["mongod"]
    watcher = asyncio.create_task(watch_mongodb(f"127.0.0.1:{port}", SET, f"localhost:{port}", ports["health"]))
    async with (
        running(watcher),
        AsyncMongoClient[dict[str, object]](f"mongodb://localhost:{port}/?replicaSet={SET}") as service,
    ):
        await supervisor.start(bare(state, port))
        await until_written(port, 1)
        assert await service.kept.things.count_documents({}) == 1
        assert await member_of(port) == f"localhost:{port}"

        await supervisor["mongod"].kill()  # the container crashed: its disk is there
        await supervisor.wait_ready()
        await until_written(port, 2)
        assert await numbers(port) == [1, 2]

        await supervisor["mongod"].stop()  # the pod was made anew: its disk is empty
        shutil.rmtree(state.data("mongo"))
        assert not any(state.data("mongo").iterdir())
        supervisor["mongod"].start()
        await supervisor["mongod"].wait_ready()
        await until_written(port, 3)
        assert await numbers(port) == [3]
        assert await service.kept.things.find_one() == {"_id": 3}, "who was connected all the time finds the new set"


async def test_a_set_that_is_gone_before_it_was_seen_in_its_later_term_is_outranked_by_the_next(
    state: StateDirectory, supervisor: Supervisor
) -> None:
    port = free_ports(["mongod"])["mongod"]
    await supervisor.start(bare(state, port))
    async with open_member(f"127.0.0.1:{port}") as client, asyncio.timeout(SOON_SECONDS):
        member = SetOfOne(client, SET, f"localhost:{port}")
        while "steps down" not in await reason_not_yet(member):
            await asyncio.sleep(0.1)

        await supervisor["mongod"].stop()
        shutil.rmtree(state.data("mongo"))
        assert not any(state.data("mongo").iterdir())
        supervisor["mongod"].start()
        await supervisor["mongod"].wait_ready()
        while await reason_not_yet(member):
            await asyncio.sleep(0.1)

        assert not await is_counted_from_one(client)


async def test_a_member_that_does_not_find_itself_is_named_again(state: StateDirectory, supervisor: Supervisor) -> None:
    ports = free_ports(["before", "after", "health", "health again"])
    before, after = ports["before"], ports["after"]
    async with Supervisor(state, print) as earlier:
        await earlier.start(bare(state, before))
        async with running(
            asyncio.create_task(watch_mongodb(f"127.0.0.1:{before}", SET, f"localhost:{before}", ports["health"]))
        ):
            await until_written(before, 1)

    await supervisor.start(bare(state, after))
    async with open_member(f"127.0.0.1:{after}") as client:
        assert not (await client.admin.command("hello")).get("isWritablePrimary")
    async with running(
        asyncio.create_task(watch_mongodb(f"127.0.0.1:{after}", SET, f"localhost:{after}", ports["health again"]))
    ):
        await until_written(after, 2)

    assert await numbers(after) == [1, 2]
