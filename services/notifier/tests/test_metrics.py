"""What the notifier measures: how late its messages and its mails are."""

import pytest

from chassis.tests.counted import counts
from services.notifier.errors import Dependency, DependencyDown, MailUnconfirmed
from services.notifier.memory_mailer import MemoryMailer
from services.notifier.notification import Kind
from services.notifier.sqs_queue import SqsDeadLetterQueue, SqsQueue
from services.notifier.tests.scene import Aws, Scene

LAG = "ordermesh_notifier_queue_lag_seconds"
TO_MAIL = "ordermesh_notifier_accept_to_mail_seconds"
REPEATED = "ordermesh_notifier_mails_repeated_total"


async def test_a_message_is_late_by_its_first_delivery_only(aws_clients: Aws) -> None:
    queue = SqsQueue(aws_clients.sqs, aws_clients.queue_url, 30)
    await aws_clients.send("hello")

    with counts(1, f"{LAG}_count"), counts(1, f"{LAG}_bucket", le="60.0"):
        (first,) = await queue.receive(1)
        await queue.give_back(first, 0)
        (second,) = await queue.receive(1)

    assert second.receive_count == 2


async def test_a_dead_letter_is_not_late(aws_clients: Aws) -> None:
    await aws_clients.sqs.send_message(QueueUrl=aws_clients.dead_letter_queue_url, MessageBody="poison")

    with counts(0, f"{LAG}_count"):
        await SqsDeadLetterQueue(aws_clients.sqs, aws_clients.dead_letter_queue_url, 30).take(1)


@pytest.mark.parametrize("kind", Kind)
async def test_the_time_from_order_to_mail_is_measured_once(scene: Scene, kind: Kind) -> None:
    placed = scene.clock.now()
    await scene.place("o-1", kind, create_time=placed)
    scene.clock.advance(42)

    with counts(1, f"{TO_MAIL}_count", kind=kind), counts(42, f"{TO_MAIL}_sum", kind=kind):
        async with scene.working():
            await scene.queue.until_empty()
            await scene.place("o-1", kind, create_time=placed)
            await scene.queue.until_empty()


async def test_a_mail_that_ses_does_not_take_is_measured_when_it_does(scene: Scene) -> None:
    await scene.place("o-1", create_time=scene.clock.now())
    scene.mailer.trouble = DependencyDown(Dependency.SES, "Throttling")

    with counts(1, f"{TO_MAIL}_count", kind="processed"), counts(90, f"{TO_MAIL}_sum", kind="processed"):
        async with scene.working():
            await scene.mailer.until_tried(1)
            scene.clock.advance(90)
            scene.mailer.trouble = None
            await scene.queue.until_empty()


class ThrottledMailer(MemoryMailer):
    """SES as it throttles: it answers its probe, and takes no mail."""

    async def probe(self) -> None: ...


async def test_a_mail_that_ses_did_not_take_three_times_is_not_repeated(scene: Scene) -> None:
    scene.mailer = ThrottledMailer()
    await scene.place("o-1")
    scene.mailer.trouble = DependencyDown(Dependency.SES, "Throttling")

    with counts(0, REPEATED):
        async with scene.working():
            await scene.mailer.until_tried(3)
            scene.mailer.trouble = None
            await scene.queue.until_empty()

    assert len(scene.mailer.sent) == 1


async def test_a_mail_that_is_sent_after_a_lost_answer_is_repeated(scene: Scene) -> None:
    message_id = await scene.place("o-1")
    scene.mailer.lost_answer = MailUnconfirmed("does not answer (TimeoutError)")

    with counts(1, REPEATED):
        async with scene.working():
            await scene.queue.until(lambda: 0 < scene.queue.hidden_seconds(message_id) < 30)
            scene.mailer.lost_answer = None
            scene.clock.advance(15)
            await scene.queue.until_empty()

    assert len(scene.mailer.sent) == 2
