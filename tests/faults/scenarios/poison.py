"""Messages that nobody understands: they change nothing, end as dead letters, and do not hold up the others."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from statistics import fmean, quantiles
from time import monotonic, time

from tests.faults.rig.scenario import Run, Scenario
from tests.faults.rig.verdict import depths

ORDERS_A_ROUND = 300
POISON_A_KIND = 6
LOOK_SECONDS = 0.005
LISTED_LOOK_SECONDS = 0.2
SLOWER_MAX = 0.05
DEAD_SECONDS_MAX = 90.0
STRANGER = "stranger@example.com"

UNKNOWN_ORDER = {"type": "CREATED", "orderId": "0" * 32, "version": 1}
KINDS = {
    "bytes": ("\t\r\n\x85\ufffd\U0010ffff" * 20, "MESSAGE_UNREADABLE"),
    "no JSON": ("{order: yes}", "MESSAGE_UNREADABLE"),
    "another schema": ('{"Records": [{"s3": {"bucket": "b"}}]}', "MESSAGE_UNREADABLE"),
    "unknown order": (json.dumps(UNKNOWN_ORDER), "ORDER_REFUSED"),
    "another's address": (json.dumps({**UNKNOWN_ORDER, "email": STRANGER}), "ORDER_REFUSED"),
}


async def poison(run: Run) -> None:
    """How long until a customer is told, in times without and with poison; then what became of the poison.

    Which comes first changes from round to round: everything grows, and takes longer for it.
    """
    (sku,) = await run.skus(1, 1_000_000)
    alone, beside = list[float](), list[float]()
    poisoned: dict[str, str] = {}
    await _told_after(run, sku, lambda: True)  # warms everything up
    for turn in range(run.size):
        for is_poisoned in (False, True) if turn % 2 == 0 else (True, False):
            if is_poisoned:
                for body, reason in KINDS.values():
                    poisoned |= {run.mesh.aws.send(body): reason for _ in range(POISON_A_KIND)}
                beside += await _told_after(run, sku, lambda: _no_poison_is_left(run))
            else:
                alone += await _told_after(run, sku, lambda: True)
    await _all_listed(run, len(poisoned))
    await _check_letters(run, poisoned)
    await _tell_no_stranger(run)
    for name, of in (("mean", fmean), ("nine of ten within", _nine_of_ten)):
        run.require(
            of(beside) <= of(alone) * (1 + SLOWER_MAX), f"POISON: {name} {of(beside):.4f} s, alone {of(alone):.4f} s"
        )
        run.figures[f"order to mail, {name}"] = (
            f"{of(alone) * 1000:.1f} ms alone, {of(beside) * 1000:.1f} ms with poison in the queue"
        )
    run.figures |= {"poison messages": len(poisoned), "orders": f"{len(alone)} alone, {len(beside)} with poison"}


def _no_poison_is_left(run: Run) -> bool:
    """The message of the last order may still be there: it is deleted after its mail."""
    queue = depths(run.mesh)
    return queue.waiting + queue.in_flight <= 1


def _nine_of_ten(seconds: list[float]) -> float:
    return quantiles(seconds, n=10)[-1]


async def _told_after(run: Run, sku: str, is_enough: Callable[[], bool]) -> list[float]:
    """Place orders one after the other, at least so many; how long each took until its mail, in seconds."""
    seconds: list[float] = []
    give_up_at = monotonic() + DEAD_SECONDS_MAX
    while len(seconds) < ORDERS_A_ROUND or not is_enough():
        if monotonic() > give_up_at:
            run.findings.append(f"POISON: the queue still has some after {DEAD_SECONDS_MAX:.0f} s")
            break
        mails, at = len(run.mesh.aws.mails), time()
        answer = await run.shop.place(run.shop.customers[0], {sku: 1}, f"poison-{run.random.random()}")
        seconds.append((await _told(run, answer.body["orderId"], mails)).timestamp() - at)
    return seconds


async def _told(run: Run, order_id: str, after: int) -> datetime:
    """Wait for the mail about an order; when SES accepted it. There were ``after`` mails before it."""
    while True:
        for mail in run.mesh.aws.mails[after:]:
            if mail.order_id == order_id:
                return mail.time
        await asyncio.sleep(LOOK_SECONDS)


async def _tell_no_stranger(run: Run) -> None:
    """A message about a real order that names somebody else's address is done with, and nobody is written to."""
    order_id = next(iter(run.shop.accepted))
    run.mesh.aws.send(json.dumps({**UNKNOWN_ORDER, "orderId": order_id, "email": STRANGER}))
    while not depths(run.mesh).is_empty:
        await asyncio.sleep(LOOK_SECONDS)
    told = [mail for mail in run.mesh.aws.mail_requests if mail.recipient == STRANGER]
    run.require(not told, f"POISON: {len(told)} mails to an address of a message")


async def _all_listed(run: Run, count: int) -> None:
    """Wait until all of them can be listed as dead letters."""
    stop_at = monotonic() + DEAD_SECONDS_MAX
    while len(await _letters(run)) < count:
        if monotonic() > stop_at:
            run.findings.append(f"POISON: not all of {count} messages are dead letters after {DEAD_SECONDS_MAX:.0f} s")
            return
        await asyncio.sleep(LISTED_LOOK_SECONDS)


async def _check_letters(run: Run, poisoned: dict[str, str]) -> None:
    letters = {letter["messageId"]: letter for letter in await _letters(run)}
    for message_id, reason in poisoned.items():
        letter = letters.get(message_id, {})
        seen = (letter.get("reason"), letter.get("attempts"))
        wanted = (reason, run.mesh.aws.queue.receive_count_max)
        run.require(seen == wanted, f"POISON: {message_id} is listed with {seen}, not {wanted}")


async def _letters(run: Run) -> list[dict[str, object]]:
    answer = await run.shop.definite("GET", "/api/dead-letters?pageSize=500", run.shop.admin)
    return list(answer.body["deadLetters"])


POISON = Scenario(
    "poison",
    "poison messages change nothing, are retried as often as the queue says and listed with their reason; "
    "others are not delayed by more than 5 %",
    "rounds",
    {"short": 2, "long": 10},
    poison,
)
