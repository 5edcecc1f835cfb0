"""The page at /api/docs, as a browser shows it."""

import json

from tests.e2e.browser import Browser
from tests.e2e.conftest import Shop, bearer

OPERATION = "#operations-orders-createOrder"
STATUS = f"{OPERATION} .live-responses-table tbody .response-col_status"
ANSWER = f"{OPERATION} .live-responses-table tbody .response-col_description pre"


async def test_an_order_is_placed_on_the_docs_page(shop: Shop, ada: str, browser: Browser) -> None:
    await browser.open(f"{shop.http.base_url}/api/docs")
    await browser.click(".btn.authorize")
    await browser.write(".auth-container input", ada)
    await browser.click(".auth-btn-wrapper .authorize")
    await browser.click(".auth-btn-wrapper .btn-done")
    await browser.click(f"{OPERATION} .opblock-summary-control")
    await browser.click(f"{OPERATION} .try-out__btn")
    await browser.click(f"{OPERATION} .execute")
    status = await browser.text(STATUS)

    assert status.startswith("201")
    placed = json.loads(await browser.text(ANSWER))
    found = await shop.http.get(f"/api/orders/{placed['orderId']}", headers=bearer(ada))
    assert found.json()["items"] == placed["items"]
    assert "Idempotency-Key: " in await browser.text(f"{OPERATION} .curl")
    assert await browser.complaints() == []
