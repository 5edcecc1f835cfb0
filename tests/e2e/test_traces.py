"""What a collector receives from the processes of the mesh."""

import asyncio
import json
from importlib import metadata

from tests.e2e.conftest import WAIT_SECONDS_MAX, Shop
from tests.tracing.collector import Collector
from tests.tracing.shapes import ORDER, size
from tests.tracing.spans import SeenSpan, trees


def without_repeats(spans: list[SeenSpan]) -> list[SeenSpan]:
    """The spans but for those of messages that the sweep sent once more, on a machine that is slow today."""
    by_time = sorted(spans, key=lambda span: span.begin)
    dropped = {span.span_id for span in [span for span in by_time if span.kind == "PRODUCER"][1:]}
    for span in by_time:
        if span.parent_id in dropped:
            dropped.add(span.span_id)
    return [span for span in spans if span.span_id not in dropped]


async def test_a_collector_sees_an_order_as_one_trace_over_all_processes(shop: Shop, collector: Collector) -> None:
    token, key = await shop.customer(), "a key that nobody else has".replace(" ", "-")
    sku = await shop.item(1, name="Chandelier")

    answer = await shop.order(token, (sku, 1), key=key)
    trace_id = answer.headers["traceresponse"].split("-")[1]
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        spans = without_repeats(await collector.until(trace_id, size(ORDER)))

    said = json.dumps([[span.name, dict(span.attributes), dict(span.resource)] for span in spans])
    assert trees(spans) == [ORDER]
    assert {span.process for span in spans} == {"gateway", "orders", "inventory", "notifier"}
    assert {(span.resource["service.namespace"], span.resource["service.version"]) for span in spans} == {
        ("ordermesh", metadata.version("ordermesh"))
    }
    assert len({span.resource["service.instance.id"] for span in spans}) == 4
    assert not [text for text in (token, key, sku, "Chandelier", "@") if text in said]
