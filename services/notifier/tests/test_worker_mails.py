"""Each message ends with its customer told, whatever crashes, ends or is lost on the way."""

from datetime import datetime

import pytest

from services.notifier.errors import Dependency, DependencyDown, MailRefused, OrderRefused
from services.notifier.memory_store import MemoryStore
from services.notifier.notification import Kind, Lease, State
from services.notifier.store import Claim
from services.notifier.tests.scene import Scene
from services.notifier.tests.troubles import SES_IS_SLOW


class FlakyStore(MemoryStore):
    """Forgets the first marks: the database is down when SES has just accepted."""

    marks_lost = 1

    async def mark_sent(self, lease: Lease, message_id: str, now: datetime) -> bool:
        if self.marks_lost:
            self.marks_lost -= 1
            raise DependencyDown(Dependency.DATABASE, "does not answer")
        return await super().mark_sent(lease, message_id, now)


@pytest.mark.parametrize("outcome", Kind)
async def test_a_message_ends_with_its_customer_told(scene: Scene, outcome: Kind) -> None:
    await scene.place("o-1", outcome, recipient="ada@example.com")

    async with scene.working():
        await scene.queue.until_empty()

    assert scene.recipients == ["ada@example.com"]
    assert scene.orders.told == ["o-1"]
    row = (await scene.notifications())["o-1"]
    assert (row.kind, row.state, row.attempts, row.message_id) == (outcome, State.SENT, 1, "mail-1")


async def test_a_hundred_messages_make_a_hundred_mails(scene: Scene) -> None:
    for number in range(100):
        await scene.place(f"o-{number}", recipient=f"customer-{number}@example.com")

    async with scene.working():
        await scene.queue.until_empty()

    assert len(set(scene.recipients)) == len(scene.recipients) == 100


async def test_a_message_delivered_twice_is_one_mail(scene: Scene) -> None:
    for _ in range(3):
        await scene.place("o-1")

    async with scene.working():
        await scene.queue.until(lambda: len(scene.queue) < 3)
        await scene.queue.until(lambda: all(scene.queue.hidden_seconds(other) < 30 for other in scene.queue.ids))
        scene.clock.advance(15)
        await scene.queue.until_empty()

    assert len(scene.mailer.sent) == 1


async def test_a_mail_sent_before_a_crash_is_not_sent_again_once_marked(scene: Scene) -> None:
    lease = Lease.begin("o-1", Kind.PROCESSED, scene.clock.now(), 15)
    await scene.store.claim(lease, scene.clock.now())
    await scene.store.mark_sent(lease, "mail-0", scene.clock.now())
    await scene.place("o-1")

    async with scene.working():
        await scene.queue.until_empty()

    assert scene.mailer.sent == []
    assert scene.orders.told == ["o-1"]


async def test_after_a_crash_between_sending_and_marking_the_lease_decides_when_to_try_again(scene: Scene) -> None:
    crashed = Lease.begin("o-1", Kind.PROCESSED, scene.clock.now(), 15)
    await scene.store.claim(crashed, scene.clock.now())
    message_id = await scene.place("o-1")

    async with scene.working():
        await scene.queue.until_received(message_id)
        await scene.queue.until(lambda: scene.queue.hidden_seconds(message_id) < 30)
        put_off = scene.queue.hidden_seconds(message_id)
        sent_under_the_lease = len(scene.mailer.sent)
        scene.clock.advance(15)
        await scene.queue.until_empty()

    assert (put_off, sent_under_the_lease) == (15, 0)
    assert len(scene.mailer.sent) == 1
    assert (await scene.notifications())["o-1"].attempts == 2


async def test_a_lease_that_ends_too_soon_sends_nothing(scene: Scene) -> None:
    class SlowStore(MemoryStore):
        async def claim(self, lease: Lease, now: datetime) -> Claim:
            claim = await super().claim(lease, now)
            scene.clock.advance(9.5)
            return claim

    scene.store = SlowStore()
    message_id = await scene.place("o-1")

    async with scene.working():
        await scene.queue.until_received(message_id)
        await scene.queue.until(lambda: scene.queue.hidden_seconds(message_id) < 20)

    assert scene.mailer.attempts == 0


async def test_a_mail_that_ses_refuses_for_good_is_marked_and_done(scene: Scene) -> None:
    scene.mailer.trouble = MailRefused("BadRequestException: Domain contains illegal character")
    await scene.place("o-1", recipient="ada@exa mple.com")

    async with scene.working():
        await scene.queue.until_empty()

    row = (await scene.notifications())["o-1"]
    assert row.state is State.FAILED_PERMANENTLY
    assert row.failure_reason == "BadRequestException: Domain contains illegal character"
    assert scene.orders.told == ["o-1"]


async def test_a_message_stays_when_orders_cannot_be_informed(scene: Scene) -> None:
    scene.orders.confirm_trouble = OrderRefused("FAILED_PRECONDITION ORDER_NOT_TERMINAL")
    await scene.place("o-1")

    async with scene.working():
        await scene.mailer.until_sent(1)

    assert len(scene.queue) == 1
    assert scene.orders.told == []

    scene.orders.confirm_trouble = None
    scene.clock.advance(31)
    async with scene.working():
        await scene.queue.until_empty()

    assert scene.orders.told == ["o-1"]
    assert len(scene.mailer.sent) == 1, "the mail is not sent again for that"


async def test_a_mail_that_was_sent_is_marked_through_an_outage_of_the_database(scene: Scene) -> None:
    scene.store = FlakyStore()
    await scene.place("o-1")

    async with scene.working():
        await scene.queue.until_empty()

    assert len(scene.mailer.sent) == 1
    assert (await scene.notifications())["o-1"].state is State.SENT


async def test_a_lost_answer_of_ses_repeats_the_mail_rather_than_losing_it(scene: Scene) -> None:
    scene.mailer.lost_answer = SES_IS_SLOW
    message_id = await scene.place("o-1")

    async with scene.working():
        await scene.queue.until(lambda: 0 < scene.queue.hidden_seconds(message_id) < 30)
        scene.mailer.lost_answer = None
        scene.clock.advance(15)
        await scene.queue.until_empty()

    row = (await scene.notifications())["o-1"]
    assert len(scene.mailer.sent) == 2
    assert (row.state, row.attempts, row.last_error) == (State.SENT, 2, "")


async def test_a_slow_ses_gets_a_mail_again_only_when_its_lease_is_over_and_later_each_time(scene: Scene) -> None:
    """SES takes every mail, answers too late, and passes its probe."""
    scene.mailer.lost_answer = SES_IS_SLOW
    message_id = await scene.place("o-1")
    begun = scene.clock.now()
    sent_at: list[float] = []

    async with scene.working():
        for delivery in range(1, 8):
            await scene.queue.until(
                lambda delivery=delivery: (  # type: ignore[misc] # bound now
                    scene.queue.receive_count(message_id) == delivery and scene.queue.hidden_seconds(message_id) != 30
                )
            )
            if len(scene.mailer.sent) > len(sent_at):
                sent_at.append((scene.clock.now() - begun).total_seconds())
            scene.clock.advance(scene.queue.hidden_seconds(message_id))
        row = (await scene.notifications())["o-1"]

    assert sent_at == [0, 15, 30, 62, 126]
    assert (row.state, row.last_error) == (State.SENDING, "SES: does not answer (TimeoutError)")
