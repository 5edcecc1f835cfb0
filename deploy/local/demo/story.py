"""The story of one order, from the registration to the e-mail."""

import asyncio
from collections.abc import Callable
from time import monotonic
from uuid import uuid4

from deploy.local.demo.shop import OrderSeen, Shop
from deploy.local.errors import StackError
from deploy.local.mails import Mail, received_mails

SKU = "espresso-beans"
QUANTITY = 3
WAIT_SECONDS_MAX = 30.0
POLL_SECONDS = 0.05
FINAL = ("PROCESSED", "FAILED", "CANCELLED")

Tell = Callable[[str], None]


async def tell_story(shop: Shop, mail_endpoint_url: str, tell: Tell) -> None:
    """Register, order, wait, read the mail; each step is told.

    :raises StackError: when a step does not go as it should.
    """
    email = f"grace.{uuid4().hex[:8]}@example.com"
    password = uuid4().hex
    tell(f"-- over {shop.way} --")
    await shop.register(email, password)
    tell(f"registered     {email}")
    await shop.log_in(email, password)
    tell("logged in      with an access token and a refresh token")
    before = await shop.available(SKU)
    tell(f"stock before   {SKU}: {before}")
    order = await shop.place_order(SKU, QUANTITY, uuid4().hex)
    tell(f"order placed   {order.order_id}: {QUANTITY} x {SKU}, {order.total}, {order.status}")
    ended = await _until_ended(shop, order.order_id)
    for change in ended.history:
        tell(f"order is       {change.status:<10} since {change.time:%H:%M:%S.%f}"[:-3])
    _require(ended.status == "PROCESSED", f"the order ended {ended.status}")
    after = await shop.available(SKU)
    tell(f"stock after    {SKU}: {after}")
    _require(after == before - QUANTITY, f"{before - QUANTITY} of {SKU} should be left, not {after}")
    mail = await _mail_to(email, mail_endpoint_url)
    tell(f"e-mail         to {', '.join(mail.recipients)}: {mail.subject}")
    _require(order.order_id in mail.subject + mail.body, "the e-mail does not name the order")


async def _until_ended(shop: Shop, order_id: str) -> OrderSeen:
    deadline = monotonic() + WAIT_SECONDS_MAX
    while True:
        order = await shop.order(order_id)
        if order.status in FINAL:
            return order
        _require(monotonic() < deadline, f"the order is still {order.status} after {WAIT_SECONDS_MAX:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


async def _mail_to(email: str, endpoint_url: str) -> Mail:
    deadline = monotonic() + WAIT_SECONDS_MAX
    while True:
        mails = [mail for mail in await received_mails(endpoint_url) if email in mail.recipients]
        if mails:
            _require(len(mails) == 1, f"{len(mails)} e-mails were sent instead of one")
            return mails[0]
        _require(monotonic() < deadline, f"no e-mail after {WAIT_SECONDS_MAX:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise StackError(otherwise)
