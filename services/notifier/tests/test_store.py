"""What every store of notifications does."""

import asyncio

from chassis.testing import ManualClock
from services.notifier.notification import Kind, Lease, Notification, State
from services.notifier.store import NotificationStore, Position


def lease_on(clock: ManualClock, order_id: str = "o-1", kind: Kind = Kind.PROCESSED) -> Lease:
    return Lease.begin(order_id, kind, clock.now(), 15)


async def only_row(store: NotificationStore) -> Notification:
    (row,) = await store.list_page("", 10, None)
    return row


async def test_a_new_notification_is_granted_to_the_first(store: NotificationStore, clock: ManualClock) -> None:
    lease = lease_on(clock)

    claim = await store.claim(lease, clock.now())

    assert claim.granted
    assert claim.notification == Notification("o-1", Kind.PROCESSED, State.SENDING, 1, clock.now(), lease.expire_time)


async def test_twenty_deliveries_at_once_get_one_lease(store: NotificationStore, clock: ManualClock) -> None:
    claims = await asyncio.gather(*(store.claim(lease_on(clock), clock.now()) for _ in range(20)))

    assert sum(claim.granted for claim in claims) == 1


async def test_a_lasting_lease_keeps_others_out(store: NotificationStore, clock: ManualClock) -> None:
    first = lease_on(clock)
    await store.claim(first, clock.now())
    clock.advance(14.9)

    claim = await store.claim(lease_on(clock), clock.now())

    assert not claim.granted
    assert claim.notification.lease_expire_time == first.expire_time


async def test_after_a_crash_the_lease_runs_out_and_another_tries(store: NotificationStore, clock: ManualClock) -> None:
    await store.claim(lease_on(clock), clock.now())
    begun = clock.now()
    clock.advance(15)

    claim = await store.claim(lease_on(clock), clock.now())

    assert claim.granted
    assert (claim.notification.attempts, claim.notification.create_time) == (2, begun)


async def test_a_released_lease_can_be_taken_at_once(store: NotificationStore, clock: ManualClock) -> None:
    lease = lease_on(clock)
    await store.claim(lease, clock.now())

    await store.release(lease, clock.now(), "SES: Throttling")

    assert (await store.claim(lease_on(clock), clock.now())).granted


async def test_only_a_release_says_that_the_attempt_before_sent_nothing(
    store: NotificationStore, clock: ManualClock
) -> None:
    async def claimed() -> tuple[Lease, bool]:
        lease = lease_on(clock)
        return lease, (await store.claim(lease, clock.now())).notification.may_have_been_sent

    first, after_nothing = await claimed()
    await store.release(first, clock.now(), "$SES: Throttling")
    error = (await only_row(store)).last_error
    second, after_a_release = await claimed()
    await store.note_error(second, "SES: does not answer")
    clock.advance(15)
    third, after_silence = await claimed()
    await store.release(third, clock.now(), "SES: Throttling")
    _, after_another_release = await claimed()
    clock.advance(15)
    _, after_a_crash = await claimed()

    assert error == "$SES: Throttling"
    assert (after_nothing, after_a_release, after_another_release) == (False, False, False)
    assert (after_silence, after_a_crash) == (True, True)


async def test_a_lease_that_was_lost_releases_and_marks_nothing(store: NotificationStore, clock: ManualClock) -> None:
    lost = lease_on(clock)
    await store.claim(lost, clock.now())
    clock.advance(15)
    await store.claim(lease_on(clock), clock.now())

    await store.release(lost, clock.now(), "SES: Throttling")
    await store.note_error(lost, "SES: does not answer")

    assert not await store.mark_sent(lost, "mail-1", clock.now())
    assert not await store.mark_failed(lost, "no")
    assert not (await store.claim(lease_on(clock), clock.now())).granted
    row = await only_row(store)
    assert (row.state, row.last_error) == (State.SENDING, "")


async def test_a_sent_mail_is_never_claimed_again(store: NotificationStore, clock: ManualClock) -> None:
    lease = lease_on(clock)
    await store.claim(lease, clock.now())
    sent_at = clock.now()
    assert await store.mark_sent(lease, "mail-1", sent_at)
    clock.advance(3600)

    claim = await store.claim(lease_on(clock), clock.now())

    assert not claim.granted
    assert claim.notification.state is State.SENT
    assert (claim.notification.message_id, claim.notification.send_time) == ("mail-1", sent_at)


async def test_a_refused_mail_is_never_claimed_again(store: NotificationStore, clock: ManualClock) -> None:
    lease = lease_on(clock)
    await store.claim(lease, clock.now())
    assert await store.mark_failed(lease, "no such address" * 100)
    clock.advance(3600)

    claim = await store.claim(lease_on(clock), clock.now())

    assert not claim.granted
    assert claim.notification.state is State.FAILED_PERMANENTLY
    assert claim.notification.failure_reason.startswith("no such address")
    assert len(claim.notification.failure_reason) == 500


async def test_marking_twice_is_marking_once(store: NotificationStore, clock: ManualClock) -> None:
    lease = lease_on(clock)
    await store.claim(lease, clock.now())

    assert await store.mark_sent(lease, "mail-1", clock.now())
    assert await store.mark_sent(lease, "mail-1", clock.now())


async def test_a_release_after_the_mark_changes_nothing(store: NotificationStore, clock: ManualClock) -> None:
    lease = lease_on(clock)
    await store.claim(lease, clock.now())
    await store.mark_sent(lease, "mail-1", clock.now())

    await store.release(lease, clock.now(), "SES: Throttling")
    await store.note_error(lease, "SES: does not answer")

    row = await only_row(store)
    assert (row.state, row.last_error) == (State.SENT, "")


async def test_an_error_is_kept_with_the_lease_and_through_the_next_claim(
    store: NotificationStore, clock: ManualClock
) -> None:
    lease = lease_on(clock)
    await store.claim(lease, clock.now())

    await store.note_error(lease, "SES: does not answer" + "!" * 1000)

    assert not (await store.claim(lease_on(clock), clock.now())).granted
    clock.advance(15)
    kept = (await store.claim(lease_on(clock), clock.now())).notification.last_error
    assert kept.startswith("SES: does not answer")
    assert len(kept) == 500


async def test_a_final_notification_has_no_last_error(store: NotificationStore, clock: ManualClock) -> None:
    sent, refused = lease_on(clock, "o-1"), lease_on(clock, "o-2")
    for lease in (sent, refused):
        await store.claim(lease, clock.now())
        await store.note_error(lease, "SES: does not answer")

    await store.mark_sent(sent, "mail-1", clock.now())
    await store.mark_failed(refused, "no such address")

    assert [row.last_error for row in await store.list_page("", 10, None)] == ["", ""]


async def test_each_kind_is_a_notification_of_its_own(store: NotificationStore, clock: ManualClock) -> None:
    claims = [await store.claim(lease_on(clock, kind=kind), clock.now()) for kind in Kind]

    assert all(claim.granted for claim in claims)
    assert {row.notification_id for row in await store.list_page("o-1", 10, None)} == {
        "o-1:processed",
        "o-1:failed",
        "o-1:cancelled",
    }


async def test_pages_run_from_the_newest_to_the_oldest_and_miss_none(
    store: NotificationStore, clock: ManualClock
) -> None:
    for number in range(7):
        await store.claim(lease_on(clock, f"o-{number}"), clock.now())
        clock.advance(number % 2)  # two of each pair share a time
    everything = await store.list_page("", 100, None)

    paged: list[Notification] = []
    while page := await store.list_page(
        "", 2, Position(paged[-1].create_time, paged[-1].notification_id) if paged else None
    ):
        paged.extend(page)

    assert [row.order_id for row in everything] == ["o-6", "o-5", "o-4", "o-3", "o-2", "o-1", "o-0"]
    assert paged == everything


async def test_a_list_of_one_order_has_only_its_notifications(store: NotificationStore, clock: ManualClock) -> None:
    for order_id in ("o-1", "o-2"):
        await store.claim(lease_on(clock, order_id), clock.now())

    assert [row.order_id for row in await store.list_page("o-2", 10, None)] == ["o-2"]
    assert await store.list_page("o-3", 10, None) == []


async def test_a_store_that_answers_passes_its_probe(store: NotificationStore) -> None:
    await store.probe()
