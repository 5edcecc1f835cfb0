"""What every store of dead letters does."""

import asyncio
from dataclasses import replace

from chassis.testing import ManualClock
from services.notifier.dead_letter import DeadLetter, State
from services.notifier.dead_letter_store import DeadLetterStore, LetterPosition
from services.notifier.tests.letters import kept, lease_on, letter


async def listed(letters: DeadLetterStore, state: State | None = None) -> list[DeadLetter]:
    return list(await letters.list_page(state, 100, None))


async def test_what_was_inserted_is_listed_as_it_was(letters: DeadLetterStore, today: ManualClock) -> None:
    dead = letter("m-1", today, body="\x85 {no JSON: \U0010ffff", body_bytes=20)

    assert await letters.insert(dead)

    assert await listed(letters) == [dead]
    assert dead.state is State.DEAD


async def test_a_message_that_comes_twice_is_one_dead_letter(letters: DeadLetterStore, today: ManualClock) -> None:
    dead = letter("m-1", today)
    inserted = await asyncio.gather(*(letters.insert(replace(dead)) for _ in range(10)))

    again = await letters.insert(letter("m-1", today, reason="UNKNOWN", attempts=0))

    assert (sum(inserted), again) == (1, False)
    assert await listed(letters) == [dead]


async def test_only_one_claims_a_dead_letter_and_gets_all_of_it(letters: DeadLetterStore, today: ManualClock) -> None:
    dead = letter("m-1", today, body="x" * 10_000, attributes={"a": "y" * 1_000})
    await letters.insert(dead)

    claims = await asyncio.gather(*(letters.claim(lease_on("m-1", today), today.now()) for _ in range(20)))

    (claimed,) = [claim for claim in claims if claim is not None]
    assert claimed == replace(dead, state=State.REDRIVING)


async def test_a_claim_that_came_to_nothing_can_be_taken_over(letters: DeadLetterStore, today: ManualClock) -> None:
    await letters.insert(letter("m-1", today))
    lost = lease_on("m-1", today)
    await letters.claim(lost, today.now())
    today.advance(9.9)
    too_early = await letters.claim(lease_on("m-1", today), today.now())
    abandoned_too_early = await letters.abandoned_ids(today.now(), 10)
    today.advance(0.1)
    abandoned = await letters.abandoned_ids(today.now(), 10)

    taken_over = await letters.claim(lease_on("m-1", today), today.now())

    assert (too_early, list(abandoned_too_early)) == (None, [])
    assert list(abandoned) == ["m-1"]
    assert taken_over is not None
    assert not await letters.mark_redriven(lost, "m-2", today.now())
    await letters.release(lost)
    assert await letters.state_of("m-1") is State.REDRIVING


async def test_what_is_redriven_is_never_claimed_again(letters: DeadLetterStore, today: ManualClock) -> None:
    await letters.insert(letter("m-1", today))
    lease = lease_on("m-1", today)
    await letters.claim(lease, today.now())
    sent_at = today.now()
    marked = [await letters.mark_redriven(lease, "m-2", sent_at) for _ in range(2)]
    await letters.release(lease)
    today.advance(3600)

    claim = await letters.claim(lease_on("m-1", today), today.now())

    (row,) = await listed(letters)
    assert (marked, claim) == ([True, True], None)
    assert (row.state, row.redrive_time, row.redrive_message_id) == (State.REDRIVEN, sent_at, "m-2")
    assert list(await letters.abandoned_ids(today.now(), 10)) == []


async def test_what_was_released_is_dead_again(letters: DeadLetterStore, today: ManualClock) -> None:
    await letters.insert(letter("m-1", today))
    lease = lease_on("m-1", today)
    await letters.claim(lease, today.now())

    await letters.release(lease)

    assert await letters.state_of("m-1") is State.DEAD
    assert await letters.claim(lease_on("m-1", today), today.now()) is not None


async def test_what_is_deleted_is_gone_and_does_not_come_back(letters: DeadLetterStore, today: ManualClock) -> None:
    await letters.insert(letter("m-1", today))

    deleted = [await letters.delete("m-1", today.now()) for _ in range(2)]

    assert deleted == [True, False]
    assert not await letters.insert(letter("m-1", today))
    assert await letters.state_of("m-1") is None
    assert await letters.claim(lease_on("m-1", today), today.now()) is None
    assert await listed(letters) == []
    assert await letters.count_dead(10) == 0


async def test_what_is_being_sent_cannot_be_deleted_and_what_was_sent_can(
    letters: DeadLetterStore, today: ManualClock
) -> None:
    await letters.insert(letter("m-1", today))
    lease = lease_on("m-1", today)
    await letters.claim(lease, today.now())
    while_sending = await letters.delete("m-1", today.now())
    await letters.mark_redriven(lease, "m-2", today.now())

    afterwards = await letters.delete("m-1", today.now())

    assert (while_sending, afterwards) == (False, True)
    assert not await letters.mark_redriven(lease, "m-2", today.now())


async def test_what_never_was_has_no_state_and_cannot_be_deleted(letters: DeadLetterStore, today: ManualClock) -> None:
    assert await letters.state_of("m-1") is None
    assert not await letters.delete("m-1", today.now())
    assert await letters.claim(lease_on("m-1", today), today.now()) is None


async def test_pages_run_from_the_newest_to_the_oldest_and_miss_none(
    letters: DeadLetterStore, today: ManualClock
) -> None:
    for number in range(7):
        await letters.insert(letter(f"m-{number}", today))
        today.advance(number % 2)  # two of each pair share a time
    await letters.delete("m-4", today.now())

    paged: list[DeadLetter] = []
    while page := await letters.list_page(
        None, 2, LetterPosition(paged[-1].create_time, paged[-1].message_id) if paged else None
    ):
        paged.extend(page)

    assert [row.message_id for row in paged] == ["m-6", "m-5", "m-3", "m-2", "m-1", "m-0"]
    assert await listed(letters) == paged


async def test_a_list_of_one_state_has_no_other(letters: DeadLetterStore, today: ManualClock) -> None:
    oldest, middle, newest = await kept(letters, today, 3)
    lease = lease_on(middle, today)
    await letters.claim(lease, today.now())

    redriving = await listed(letters, State.REDRIVING)
    await letters.mark_redriven(lease, "m-9", today.now())

    assert [row.message_id for row in redriving] == [middle]
    assert [row.message_id for row in await listed(letters, State.DEAD)] == [newest, oldest]
    assert [row.message_id for row in await listed(letters, State.REDRIVEN)] == [middle]
    assert await listed(letters, State.REDRIVING) == []


async def test_a_list_shows_the_beginning_of_what_is_long(letters: DeadLetterStore, today: ManualClock) -> None:
    dead = letter("m-1", today, body="ä" * 500_000, body_bytes=1_000_000, attributes={"a": "ö" * 1_000})
    await letters.insert(dead)

    (row,) = await listed(letters)

    assert (row.body, row.body_bytes) == ("ä" * 4_096, 1_000_000)
    assert row.attributes == {"a": "ö" * 256}


async def test_the_oldest_that_are_dead_come_first(letters: DeadLetterStore, today: ManualClock) -> None:
    message_ids = await kept(letters, today, 5)
    await letters.claim(lease_on(message_ids[0], today), today.now())

    assert list(await letters.dead_ids(3)) == message_ids[1:4]
    assert (await letters.count_dead(100), await letters.count_dead(3)) == (4, 3)
