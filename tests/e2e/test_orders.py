"""Orders over REST, from the first call to the e-mail, on real components."""

import asyncio
from collections import Counter
from uuid import uuid4

from deploy.local.mails import Mail, received_mails
from tests.e2e.conftest import Shop, bearer


async def mails_about(shop: Shop, order_id: str) -> list[Mail]:
    mails = await received_mails(shop.stack.environment["AWS_ENDPOINT_URL"])
    return [mail for mail in mails if order_id in mail.body]


async def test_an_order_ends_processed_and_its_customer_is_told(shop: Shop) -> None:
    sku = await shop.item(10, price=1_999, name='The "Fat & Flat" <Lamp>')
    token = await shop.customer()
    me = (await shop.http.get("/api/auth/me", headers=bearer(token))).json()

    placed = await shop.order(token, (sku, 3))
    order = placed.json()
    await shop.settled()

    done = (await shop.http.get(f"/api/orders/{order['orderId']}", headers=bearer(token))).json()
    (mail,) = await mails_about(shop, order["orderId"])
    assert placed.status_code == 201
    assert placed.headers["location"] == f"/api/orders/{order['orderId']}"
    assert (order["status"], order["version"], order["total"]) == (
        "PENDING",
        1,
        {"currencyCode": "EUR", "minorUnits": "5997"},
    )
    assert [change["status"] for change in done["history"]] == ["PENDING", "PROCESSING", "PROCESSED"]
    assert await shop.stock(sku) == {"available": 7, "reserved": 0, "sold": 3}
    assert mail.recipients == (me["email"],)
    assert mail.sender == shop.stack.environment["AWS_SES_SENDER_EMAIL"]
    assert order["orderId"][:8] in mail.subject
    assert "The &#34;Fat &amp; Flat&#34; &lt;Lamp&gt;" in mail.body
    assert "59.97" in mail.body


async def test_out_of_stock_is_refused_and_nothing_is_held(shop: Shop, ada: str) -> None:
    plenty, short, none = await shop.item(10), await shop.item(2), await shop.item(0)

    refused = await shop.order(ada, (plenty, 1), (short, 3), (none, 1))

    problem = refused.json()
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert (problem["reason"], problem["code"]) == ("OUT_OF_STOCK", "FAILED_PRECONDITION")
    assert problem["metadata"] == {short: "2", none: "0"}
    assert await shop.stock(plenty) == {"available": 10, "reserved": 0, "sold": 0}


async def test_two_hundred_orders_for_a_hundred_lamps(shop: Shop) -> None:
    sku = await shop.item(100)
    customers = await asyncio.gather(*(shop.customer() for _ in range(4)))
    twenty_at_a_time = asyncio.Semaphore(20)

    async def one(number: int) -> tuple[int, str]:
        async with twenty_at_a_time:
            answer = await shop.order(customers[number % 4], (sku, 1))
            return answer.status_code, answer.json().get("orderId", "")

    answers = await asyncio.gather(*(one(number) for number in range(200)))
    await shop.settled()

    accepted = {order_id for status, order_id in answers if status == 201}
    mails = await received_mails(shop.stack.environment["AWS_ENDPOINT_URL"])
    told = Counter(order_id for mail in mails for order_id in accepted if order_id in mail.body)
    assert Counter(status for status, _ in answers) == {201: 100, 409: 100}
    assert await shop.stock(sku) == {"available": 0, "reserved": 0, "sold": 100}
    assert told == dict.fromkeys(accepted, 1)


async def test_fifty_twins_of_one_key_are_one_order(shop: Shop, ada: str) -> None:
    sku, key = await shop.item(100), uuid4().hex

    answers = await asyncio.gather(*(shop.order(ada, (sku, 2), key=key) for _ in range(50)))

    replayed = [answer.headers.get("idempotent-replayed") for answer in answers]
    await shop.settled()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["orderId"] for answer in answers}) == 1
    assert Counter(replayed) == {None: 1, "true": 49}
    assert await shop.stock(sku) == {"available": 98, "reserved": 0, "sold": 2}


async def test_one_key_with_two_bodies_is_one_of_them(shop: Shop, ada: str) -> None:
    sku, key = await shop.item(100), uuid4().hex

    answers = await asyncio.gather(*(shop.order(ada, (sku, 2 + number % 2), key=key) for number in range(50)))

    accepted = [answer.json() for answer in answers if answer.status_code == 201]
    refused = [answer.json()["reason"] for answer in answers if answer.status_code == 422]
    quantities = {order["items"][0]["quantity"] for order in accepted}
    await shop.settled()
    assert (len(accepted), refused) == (25, ["IDEMPOTENCY_KEY_REUSED"] * 25)
    assert len({order["orderId"] for order in accepted}) == len(quantities) == 1
    assert (await shop.stock(sku))["sold"] == quantities.pop()


async def test_a_cancelled_order_gives_its_stock_back(shop: Shop, ada: str) -> None:
    await shop.stack.stop("notifier")
    sku = await shop.item(5)
    order_id = (await shop.order(ada, (sku, 5))).json()["orderId"]

    cancelled = await shop.http.post(f"/api/orders/{order_id}/cancel", headers=bearer(ada))
    stock = await shop.stock(sku)
    await shop.stack.start("notifier")
    await shop.settled()

    (mail,) = await mails_about(shop, order_id)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "CANCELLED")
    assert stock == {"available": 5, "reserved": 0, "sold": 0}
    assert "cancelled" in mail.subject
    assert await shop.status(ada, order_id) == "CANCELLED"


async def test_a_processed_order_cannot_be_cancelled(shop: Shop, ada: str) -> None:
    sku = await shop.item(5)
    order_id = (await shop.order(ada, (sku, 1))).json()["orderId"]
    await shop.settled()

    refused = await shop.http.post(f"/api/orders/{order_id}/cancel", json={}, headers=bearer(ada))

    assert (refused.status_code, refused.json()["reason"]) == (409, "ORDER_NOT_CANCELLABLE")


async def test_a_foreign_order_looks_exactly_like_a_missing_one(shop: Shop, ada: str) -> None:
    sku, bob = await shop.item(5), await shop.customer()
    order_id = (await shop.order(ada, (sku, 1))).json()["orderId"]
    headers = bearer(bob) | {"x-request-id": "the-same"}

    foreign = await shop.http.get(f"/api/orders/{order_id}", headers=headers)
    missing = await shop.http.get(f"/api/orders/{'0' * 32}", headers=headers)

    assert foreign.status_code == missing.status_code == 404
    assert foreign.text.replace(order_id, "") == missing.text.replace("0" * 32, "")
    assert foreign.headers.keys() == missing.headers.keys()
    await shop.settled()


async def test_admins_see_what_happened(shop: Shop, ada: str) -> None:
    sku = await shop.item(5)
    order_id = (await shop.order(ada, (sku, 1))).json()["orderId"]
    await shop.settled()

    reservation = await shop.http.get(f"/api/reservations/{order_id}", headers=bearer(shop.admin))
    told = await shop.http.get("/api/notifications", params={"orderId": order_id}, headers=bearer(shop.admin))
    for_ada = await shop.http.get("/api/notifications", headers=bearer(ada))

    assert reservation.json()["state"] == "COMMITTED"
    (notification,) = told.json()["notifications"]
    assert (notification["kind"], notification["state"], notification["attempts"]) == ("PROCESSED", "SENT", 1)
    assert (for_ada.status_code, for_ada.json()["reason"]) == (403, "ADMIN_REQUIRED")


async def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_stored(shop: Shop, ada: str) -> None:
    sku = await shop.item(5)
    headers = bearer(ada) | {"idempotency-key": "k" * 256}
    body = {"items": [{"sku": sku, "quantity": 0}, {"sku": "??", "quantity": 10_001}]}
    before = (await shop.http.get("/api/orders", headers=bearer(ada))).json()

    shape = await shop.http.post("/api/orders", json={"items": [{"sku": 7}], "colour": 1}, headers=bearer(ada))
    refused = await shop.http.post("/api/orders", json=body, headers=bearer(ada))
    bad_key = await shop.http.post("/api/orders", json=body, headers=headers)

    after = (await shop.http.get("/api/orders", headers=bearer(ada))).json()
    fields = [violation["field"] for violation in refused.json()["violations"]]
    assert [answer.status_code for answer in (shape, refused, bad_key)] == [400, 400, 400]
    assert {violation["field"] for violation in shape.json()["violations"]} == {"items[0].sku", "colour"}
    assert fields == ["items[0].quantity", "items[1].sku", "items[1].quantity"]
    assert before == after
    assert (await shop.stock(sku))["available"] == 5


async def test_an_unknown_sku_is_named(shop: Shop, ada: str) -> None:
    sku = await shop.item(5)

    refused = await shop.order(ada, (sku, 1), ("no-such-thing", 1))

    assert refused.status_code == 400
    assert [violation["field"] for violation in refused.json()["violations"]] == ["items[1].sku"]
    assert (await shop.stock(sku))["available"] == 5


async def test_nobody_orders_without_a_good_token(shop: Shop) -> None:
    sku = await shop.item(5)

    without = await shop.http.post("/api/orders", json={"items": [{"sku": sku, "quantity": 1}]})
    forged = await shop.order("not.a.token", (sku, 1))

    assert (without.status_code, forged.status_code) == (401, 401)
    assert "www-authenticate" in without.headers


async def test_a_session_goes_on_with_its_refresh_token(shop: Shop) -> None:
    account = {"email": f"refresh-{uuid4().hex}@example.com", "password": "correct horse battery"}
    await shop.http.post("/api/auth/register", json=account)
    first = (await shop.http.post("/api/auth/login", json=account)).json()

    second = await shop.http.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]})

    me = await shop.http.get("/api/auth/me", headers=bearer(second.json()["accessToken"]))
    assert me.json()["email"] == account["email"]
    assert second.json()["refreshToken"] != first["refreshToken"]
