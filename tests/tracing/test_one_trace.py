"""One trace from the request to the e-mail: `pytest -s tests/tracing/test_one_trace.py` prints it."""

import sys
from collections.abc import AsyncIterator

import pytest

from tests.tracing.mesh import STOCK, Mesh, open_mesh
from tests.tracing.shapes import (
    CONFIRMED,
    MAILED,
    ORDER,
    PROCESSED,
    PROCESSED_BEFORE,
    RESERVED,
    WORK,
    WORK_AGAIN,
    answered,
    sent,
    size,
)
from tests.tracing.spans import printed, trees

CLIENTS_TRACE = "0af7651916cd43dd8448eb211c80319c"
CLIENTS_SPAN = "b7ad6b7169203331"


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with open_mesh() as mesh:
        yield mesh


async def test_an_order_is_one_trace_from_its_request_to_its_mail(mesh: Mesh) -> None:
    answer = await mesh.order()
    await mesh.relay.publish_due()
    async with mesh.working():
        spans = await mesh.ended.until(size(ORDER))

    sys.stdout.write("\n" + printed(trees(spans)))
    assert answer.status_code == 201
    assert trees(spans) == [ORDER]
    assert {span.trace_id for span in spans} == {answer.headers["traceresponse"].split("-")[1]}
    assert len(mesh.aws.mails) == 1


async def test_a_clients_trace_goes_on(mesh: Mesh) -> None:
    await mesh.order(headers={"traceparent": f"00-{CLIENTS_TRACE}-{CLIENTS_SPAN}-01"})
    await mesh.relay.publish_due()
    async with mesh.working():
        spans = await mesh.ended.until(size(ORDER))

    assert {span.trace_id for span in spans} == {CLIENTS_TRACE}
    assert [span.name for span in spans if span.parent_id == CLIENTS_SPAN] == ["POST /api/orders"]


async def test_what_the_sweep_publishes_again_goes_on_in_the_orders_own_trace(mesh: Mesh) -> None:
    """Its message is lost: SQS took it, and nobody ever got it."""
    await mesh.order()
    await mesh.relay.publish_due()
    await mesh.lose_messages()

    await mesh.sweep.once()
    await mesh.relay.publish_due()
    expected = answered(RESERVED, sent(), sent(WORK))
    async with mesh.working():
        spans = await mesh.ended.until(size(expected))

    assert trees(spans) == [expected]


async def test_a_message_that_comes_twice_is_worked_on_twice_in_one_trace(mesh: Mesh) -> None:
    """SQS deletes it, and has it again."""
    mesh.aws.faults.resurrect_share, mesh.aws.faults.resurrect_seconds = 1.0, 0.01
    await mesh.order()
    await mesh.relay.publish_due()

    expected = answered(RESERVED, sent(WORK, WORK_AGAIN))
    async with mesh.working():
        await mesh.ended.until(size(ORDER) + 1)
        mesh.aws.faults.resurrect_share = 0.0
        spans = await mesh.ended.until(size(expected))

    assert trees(spans) == [expected]


async def test_a_mail_that_must_wait_is_a_fault_and_then_another_try(mesh: Mesh) -> None:
    mesh.aws.faults.mail_throttle_share = 1.0
    await mesh.order()
    await mesh.relay.publish_due()

    failed = f"{MAILED[0]} !"
    expected = answered(
        RESERVED,
        sent(
            (f"{WORK[0]} !", [PROCESSED, (failed, [])]),
            (WORK[0], [PROCESSED_BEFORE, MAILED, CONFIRMED]),
        ),
    )
    async with mesh.working():
        await mesh.ended.until(size(answered(RESERVED, sent(PROCESSED))) + 2)
        mesh.aws.faults.mail_throttle_share = 0.0
        spans = await mesh.ended.until(size(expected))

    assert trees(spans) == [expected]
    assert {span.attributes["error.type"] for span in spans if span.is_error} == {"DependencyDown"}


async def test_what_is_out_of_stock_is_no_fault_of_anybodys(mesh: Mesh) -> None:
    answer = await mesh.order(STOCK + 1)
    spans = await mesh.ended.until(size(answered(RESERVED)))

    assert answer.status_code == 409
    assert trees(spans) == [answered(RESERVED)]  # a fault would be marked
    assert {span.name: span.attributes.get("rpc.response.status_code") for span in spans if span.kind == "SERVER"} == {
        "POST /api/orders": None,
        "ordermesh.orders.v1.OrderService/CreateOrder": "FAILED_PRECONDITION",
        "ordermesh.inventory.v1.InventoryService/ReserveStock": "FAILED_PRECONDITION",
    }


async def test_what_people_send_is_in_no_span(mesh: Mesh) -> None:
    secrets = ["canary-key", "canary-id", "canary-agent", "canary-query", "canary-path", "ada@", "Bearer", "LAMP"]

    await mesh.order(
        headers={"idempotency-key": "canary-key", "x-request-id": "canary-id", "user-agent": "canary-agent"}
    )
    await mesh.relay.publish_due()
    await mesh.customer.get("/api/orders?canary-query=1")
    await mesh.customer.get("/api/canary-path")
    await mesh.customer.request("PROPFIND", "/api/orders")
    async with mesh.working():
        spans = await mesh.ended.until(size(ORDER) + 3)

    assert not [text for text in [*secrets, "PROPFIND"] if any(text in repr(span) for span in spans)]


async def test_without_a_sampled_trace_there_are_no_spans_and_the_trace_goes_through_all_the_same() -> None:
    async with open_mesh("parentbased_always_off") as mesh:
        answer = await mesh.order()
        await mesh.relay.publish_due()
        traceparent = await mesh.next_traceparent()

    assert traceparent.split("-")[1] == answer.headers["traceresponse"].split("-")[1]
    assert int(traceparent[-2:], 16) & 1 == 0
    assert not mesh.ended.spans
