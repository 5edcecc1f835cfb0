"""The whole mesh, as the demo and other people's terminals see it."""

import os

from pymongo import AsyncMongoClient

from deploy.cluster.seed import STOCK
from deploy.local.demo.rest import open_rest_shop
from deploy.local.demo.story import tell_story
from deploy.local.demo.stubs import open_stub_shop
from deploy.local.env_file import read_env_file
from deploy.local.seed import seed
from deploy.local.stack import Stack

KEYS = {
    *("GATEWAY_URL", "AUTH_ADDR", "ORDERS_ADDR", "INVENTORY_ADDR", "NOTIFIER_ADDR", "MONGO_URI", "REDIS_URL"),
    *("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    *("AWS_SQS_QUEUE_URL", "AWS_SQS_DLQ_URL", "AWS_SES_SENDER_EMAIL"),
    *("ADMIN_EMAIL", "ADMIN_PASSWORD", "DEMO_EMAIL", "DEMO_PASSWORD"),
}
PROCESSES = {"auth", "orders", "inventory", "notifier", "gateway", "mongod", "redis", "moto"}


async def test_the_env_file_names_every_address_and_login(stack: Stack) -> None:
    assert read_env_file(stack.state.env_file) == stack.environment
    assert stack.environment.keys() == KEYS


async def test_every_process_runs_and_is_named(stack: Stack) -> None:
    pids = {path.stem: int(path.read_text()) for path in stack.state.pid_file("any").parent.glob("*.pid")}

    assert pids.keys() == PROCESSES
    for pid in pids.values():
        os.kill(pid, 0)


async def test_an_order_lives_its_whole_life_over_rest(stack: Stack) -> None:
    told: list[str] = []
    async with open_rest_shop(stack.environment["GATEWAY_URL"]) as shop:
        await tell_story(shop, stack.environment["AWS_ENDPOINT_URL"], told.append)

    assert any("PROCESSED" in line for line in told)


async def test_an_order_lives_its_whole_life_over_the_stubs(stack: Stack) -> None:
    told: list[str] = []
    async with open_stub_shop(stack.environment) as shop:
        await tell_story(shop, stack.environment["AWS_ENDPOINT_URL"], told.append)

    assert any("PROCESSED" in line for line in told)


async def test_an_order_lives_its_whole_life_without_redis(stack: Stack) -> None:
    told: list[str] = []
    await stack.stop("redis")
    async with open_rest_shop(stack.environment["GATEWAY_URL"]) as shop:
        await tell_story(shop, stack.environment["AWS_ENDPOINT_URL"], told.append)
    await stack.start("redis")

    assert any("PROCESSED" in line for line in told)


async def test_seeding_again_changes_nothing(stack: Stack) -> None:
    async with AsyncMongoClient[dict[str, object]](stack.environment["MONGO_URI"]) as client:
        before = await client.inventory.items.find().to_list()

        await seed(stack.settings, stack.environment)

        assert await client.inventory.items.find().to_list() == before
        assert {item["_id"] for item in before} >= {sku for sku, *_ in STOCK}
