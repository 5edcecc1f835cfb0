"""What is remembered of what clients say: what comes again, and never what they made up."""

import httpx

from gateway.fields import known_path
from gateway.remembered import TEXT_BYTES_MAX, remembered


async def test_a_parameter_that_the_contract_does_not_know_is_not_remembered(anybody: httpx.AsyncClient) -> None:
    await anybody.get("/api/inventory?pageSize=1")
    before = known_path.cache_info().currsize

    answers = [await anybody.get(f"/api/inventory?{name}=1") for name in ("x" * 10_000, "page.size", "pageSizes")]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert known_path.cache_info().currsize == before


async def test_a_parameter_that_it_knows_is_looked_for_once(anybody: httpx.AsyncClient) -> None:
    await anybody.get("/api/inventory?pageSize=1")
    before = known_path.cache_info()

    await anybody.get("/api/inventory?pageSize=1")

    after = known_path.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 1)


def test_of_a_header_short_values_are_looked_at_once_and_long_ones_each_time() -> None:
    seen = []

    @remembered
    def begins_with(value: bytes, start: bytes) -> bool:
        seen.append(value)
        return value.startswith(start)

    short, long = b"x" * TEXT_BYTES_MAX, b"x" * (TEXT_BYTES_MAX + 1)
    answers = [begins_with(value, b"x") for value in (short, long, short, long)]

    assert answers == [True] * 4
    assert seen == [short, long, long]
    assert not begins_with(short, b"y")
