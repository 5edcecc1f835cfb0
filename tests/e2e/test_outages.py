"""Parts of the mesh go away and come back; accepted orders still end, and nothing is lost."""

import asyncio
from datetime import UTC, datetime

from deploy.local.mails import received_mails
from tests.e2e.conftest import Shop, bearer, eventually


async def placed(shop: Shop, token: str, sku: str, count: int) -> list[str]:
    """Orders that were accepted; their ids."""
    answers = await asyncio.gather(*(shop.order(token, (sku, 1)) for _ in range(count)))
    assert {answer.status_code for answer in answers} == {201}
    return [answer.json()["orderId"] for answer in answers]


async def assert_all_processed(shop: Shop, token: str, order_ids: list[str]) -> None:
    statuses = await asyncio.gather(*(shop.status(token, order_id) for order_id in order_ids))
    assert set(statuses) == {"PROCESSED"}


async def test_without_redis_everything_works(shop: Shop, ada: str) -> None:
    sku = await shop.item(50)
    before = await placed(shop, ada, sku, 5)
    await shop.stack.stop("redis")

    without = await placed(shop, ada, sku, 5)
    await shop.settled()
    await assert_all_processed(shop, ada, before + without)
    await shop.stack.start("redis")

    await assert_all_processed(shop, ada, before + without)


async def test_orders_placed_while_the_notifier_is_away_are_processed_when_it_is_back(shop: Shop, ada: str) -> None:
    sku = await shop.item(50)
    await shop.stack.stop("notifier")
    order_ids = await placed(shop, ada, sku, 10)
    statuses = await asyncio.gather(*(shop.status(ada, order_id) for order_id in order_ids))

    await shop.stack.start("notifier")
    await shop.settled()

    assert set(statuses) == {"PENDING"}
    await assert_all_processed(shop, ada, order_ids)


async def test_a_queue_that_lost_everything_loses_no_order_and_no_mail(shop: Shop, ada: str) -> None:
    """moto keeps its queue in memory: killed, it forgets every message and every identity."""
    sku = await shop.item(50)
    await shop.stack.stop("notifier")
    order_ids = await placed(shop, ada, sku, 10)
    await shop.stack.kill("moto")
    while_down = await placed(shop, ada, sku, 5)
    await shop.stack.start("notifier")
    await shop.stack.wait_ready()

    await shop.settled()

    mails = await received_mails(shop.stack.environment["AWS_ENDPOINT_URL"])
    told = [order_id for order_id in order_ids + while_down if any(order_id in mail.body for mail in mails)]
    await assert_all_processed(shop, ada, order_ids + while_down)
    assert len(told) == 15


async def test_a_mail_that_ses_could_not_take_is_sent_later(shop: Shop, ada: str) -> None:
    """The worker holds the message while SES is away; killed with it, the message is lost too."""
    sku = await shop.item(50)
    order_ids = await placed(shop, ada, sku, 20)
    await shop.stack.kill("moto")
    await shop.stack.wait_ready()

    await shop.settled()

    await assert_all_processed(shop, ada, order_ids)


async def test_a_killed_service_comes_back_and_goes_on(shop: Shop, ada: str) -> None:
    sku = await shop.item(100)
    order_ids = await placed(shop, ada, sku, 20)
    for name in ("notifier", "orders", "inventory"):
        await shop.stack.kill(name)
    await shop.stack.wait_ready()

    async def answers() -> bool:
        return (await shop.http.get("/readyz")).status_code == 200

    await eventually(answers)
    await shop.settled()

    await assert_all_processed(shop, ada, order_ids)
    assert (await shop.http.get(f"/api/inventory/{sku}", headers=bearer(ada))).json()["available"] == 80


async def test_an_accepted_order_keeps_its_stock_however_long_it_waits(shop: Shop, ada: str) -> None:
    """Orders renews the hold of an order that nobody processes; without that it would go to the next customer."""
    sku = await shop.item(2)
    await shop.stack.stop("notifier")
    order_id = (await shop.order(ada, (sku, 2))).json()["orderId"]

    async def expire_time() -> datetime:
        answer = await shop.http.get(f"/api/reservations/{order_id}", headers=bearer(shop.admin))
        return datetime.fromisoformat(answer.json()["expireTime"])

    first = await expire_time()

    async def outlived_its_first_hold() -> bool:
        return datetime.now(UTC) > first

    await eventually(outlived_its_first_hold)
    somebody_else = await shop.order(await shop.customer(), (sku, 1))
    await shop.stack.start("notifier")
    await shop.settled()

    assert await expire_time() > first
    assert (somebody_else.status_code, somebody_else.json()["reason"]) == (409, "OUT_OF_STOCK")
    await assert_all_processed(shop, ada, [order_id])
