"""Messages that nobody understands: they change nothing, end as dead letters, and do not hold up the others."""

import asyncio
import json
from datetime import datetime
from statistics import median
from time import monotonic, time

from tests.faults.rig.scenario import Run, Scenario

ORDERS_A_ROUND = 30
POISON_A_KIND = 6
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
    """Rounds without and with poison in turn: how long until a customer is told; then what became of the poison."""
    (sku,) = await run.skus(1, 1_000_000)
    seconds: dict[str, list[float]] = {"alone": [], "with poison": []}
    poisoned: dict[str, str] = {}
    await _round(run, sku)  # warms everything up
    for _ in range(run.size):
        seconds["alone"] += await _round(run, sku)
        for body, reason in KINDS.values():
            poisoned |= {run.mesh.aws.send(body): reason for _ in range(POISON_A_KIND)}
        seconds["with poison"] += await _round(run, sku)
        await _all_dead(run, len(poisoned))
    await _check_letters(run, poisoned)
    order_id = next(iter(run.shop.accepted))
    run.mesh.aws.send(json.dumps({**UNKNOWN_ORDER, "orderId": order_id, "email": STRANGER}))
    await _round(run, sku)
    told = [mail for mail in run.mesh.aws.mail_requests if mail.recipient == STRANGER]
    run.require(not told, f"POISON: {len(told)} mails to an address of a message")
    alone, beside = median(seconds["alone"]), median(seconds["with poison"])
    run.require(beside <= alone * (1 + SLOWER_MAX), f"POISON: orders took {beside:.3f} s, alone {alone:.3f} s")
    run.figures |= {
        "poison messages": len(poisoned),
        "order to mail, median": f"{alone * 1000:.0f} ms alone, {beside * 1000:.0f} ms with poison",
    }


async def _round(run: Run, sku: str) -> list[float]:
    """Place orders one after the other; how long each took until its mail, in seconds."""
    begun: dict[str, float] = {}
    for _ in range(ORDERS_A_ROUND):
        at = time()
        answer = await run.shop.place(run.shop.customers[0], {sku: 1}, f"poison-{run.random.random()}")
        begun[answer.body["orderId"]] = at
    told: dict[str, datetime] = {}
    while len(told) < len(begun):
        await asyncio.sleep(0.02)
        told = {mail.order_id: mail.time for mail in run.mesh.aws.mails if mail.order_id in begun}
    return [told[order_id].timestamp() - at for order_id, at in begun.items()]


async def _all_dead(run: Run, count: int) -> None:
    """Wait until the queue has given up on all of them, and they can be listed."""
    stop_at = monotonic() + DEAD_SECONDS_MAX
    while len(await _letters(run)) < count:
        if monotonic() > stop_at:
            run.findings.append(f"POISON: not all of {count} messages are dead letters after {DEAD_SECONDS_MAX:.0f} s")
            return
        await asyncio.sleep(0.2)


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
    {"short": 3, "long": 10},
    poison,
)
