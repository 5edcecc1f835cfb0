"""Tokens that are not auth's, at a real server: none opens anything, and each is refused as what it is."""

import logging
from collections.abc import Iterator

import pytest

from chassis.tokens import CLOCK_SKEW_SECONDS, TOKEN_BYTES_MAX
from tests.attacks import raw_http2
from tests.attacks.conftest import ADMIN, PUBLIC, SERVICE, USER, Door
from tests.attacks.foreign_tokens import CLOCK_SECONDS, FOREIGN, service_claims, user_claims
from tests.attacks.forged_tokens import FORGED
from tests.attacks.jose import can_be_sent, compact

GUARDED = (USER, ADMIN, SERVICE)


def bearer(token: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {token}")


def signed(door: Door, claims: dict[str, object]) -> str:
    return compact(door.material.header, claims, door.issuer.signature)


@pytest.fixture(autouse=True)
def nothing_goes_wrong(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever comes, it is a refusal and no trouble of ours."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_token_is_refused(door: Door, name: str) -> None:
    token = FORGED[name](door.material)

    if can_be_sent(token):
        answers = {await door.knock(method, bearer(token)) for method in GUARDED}
        assert answers == {"UNAUTHENTICATED TOKEN_INVALID"}
        assert await door.knock(PUBLIC, bearer(token)) == "let in"
        assert door.let_in == [None], "it is nobody's where nobody needs a token"
    else:
        value = f"Bearer {token}".encode()
        in_bytes = [await raw_http2.call(door.address, method, (b"authorization", value)) for method in GUARDED]
        assert all(raw_http2.UNAUTHENTICATED in answer for answer in in_bytes)
        assert door.let_in == []


@pytest.mark.parametrize("name", FOREIGN)
async def test_a_token_with_our_signature_is_refused_for_all_else(door: Door, name: str) -> None:
    make, reason = FOREIGN[name]
    token = make(door.material.header, door.issuer.signature)

    answers = {await door.knock(method, bearer(token)) for method in GUARDED}

    assert answers == {f"UNAUTHENTICATED {reason}"}
    assert await door.knock(PUBLIC, bearer(token)) == "let in"
    assert door.let_in == [None]


async def test_the_good_ones_get_in(door: Door) -> None:
    """The tokens above differ from these in one thing each."""
    user, service = signed(door, user_claims()), signed(door, service_claims())

    answers = [await door.knock(USER, bearer(user)), await door.knock(ADMIN, bearer(user))]
    answers += [await door.knock(SERVICE, bearer(signed(door, service_claims(sub="notifier", client_id="notifier"))))]
    answers += [await door.knock(USER, bearer(door.material.own_token))]

    assert answers == ["let in"] * 4
    assert [caller.kind for caller in door.let_in if caller] == ["user", "user", "service", "user"]
    assert await door.knock(USER, bearer(service)) == "PERMISSION_DENIED CALLER_NOT_ALLOWED"


async def test_auths_clock_may_be_ahead_a_little(door: Door) -> None:
    ahead = int(user_claims()["iat"]) + CLOCK_SKEW_SECONDS - CLOCK_SECONDS
    token = signed(door, user_claims(iat=ahead, nbf=ahead))

    assert await door.knock(USER, bearer(token)) == "let in"


@pytest.mark.parametrize(
    ("method", "who"),
    [(USER, "service"), (ADMIN, "service"), (SERVICE, "customer"), (SERVICE, "admin"), (SERVICE, "another service")],
)
async def test_a_good_token_in_the_wrong_place_is_not_allowed(door: Door, method: str, who: str) -> None:
    token = {
        "service": door.issuer.service("orders"),
        "customer": door.issuer.user("notifier"),
        "admin": door.issuer.admin("notifier"),
        "another service": door.issuer.service("orders"),
    }[who]

    assert await door.knock(method, bearer(token)) == "PERMISSION_DENIED CALLER_NOT_ALLOWED"
    assert door.let_in == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_schemes_have_no_case(door: Door, scheme: str) -> None:
    assert await door.knock(USER, ("authorization", f"{scheme} {door.material.own_token}")) == "let in"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "TOKEN_MISSING"),
        ([""], "TOKEN_MISSING"),
        (["Bearer"], "TOKEN_MISSING"),
        (["Bearer "], "TOKEN_MISSING"),
        (["{own}"], "TOKEN_MISSING"),
        (["Bearer:{own}"], "TOKEN_MISSING"),
        (["Bearer={own}"], "TOKEN_MISSING"),
        (["Basic {own}"], "TOKEN_MISSING"),
        (["Basic bWFsbG9yeTpodW50ZXIy"], "TOKEN_MISSING"),
        (["DPoP {own}"], "TOKEN_MISSING"),
        (["Negotiate {own}"], "TOKEN_MISSING"),
        (["Token {own}"], "TOKEN_MISSING"),
        (["Bearer {own}", "Bearer {own}"], "TOKEN_INVALID"),
        (["Bearer {own}", "Bearer ?"], "TOKEN_INVALID"),
        (["Bearer ?", "Bearer {own}"], "TOKEN_INVALID"),
        (["Bearer {own}", "Basic bWFsbG9yeTpodW50ZXIy"], "TOKEN_INVALID"),
        (["Basic bWFsbG9yeTpodW50ZXIy", "Bearer {own}"], "TOKEN_MISSING"),
        (["Bearer {own}", ""], "TOKEN_INVALID"),
    ],
)
async def test_a_good_token_counts_once_and_as_bearer_only(door: Door, values: list[str], reason: str) -> None:
    metadata = [("authorization", value.format(own=door.material.own_token)) for value in values]

    assert await door.knock(USER, *metadata) == f"UNAUTHENTICATED {reason}"
    assert await door.knock(PUBLIC, *metadata) == "let in"
    assert door.let_in == [None]


@pytest.mark.parametrize(
    "key", ["cookie", "proxy-authorization", "x-access-token", "access_token", "x-forwarded-authorization"]
)
async def test_a_good_token_under_another_name_is_none(door: Door, key: str) -> None:
    token = door.material.own_token

    assert await door.knock(USER, (key, f"Bearer {token}")) == "UNAUTHENTICATED TOKEN_MISSING"


async def test_a_token_may_be_long_and_not_longer(door: Door) -> None:
    def token(filling: int) -> str:
        return signed(door, user_claims(sub="a" * filling))

    fitting = TOKEN_BYTES_MAX - len(token(0))
    tokens = [token(filling) for filling in range(fitting // 4 * 3 - 3, fitting // 4 * 3 + 6)]

    answers = {len(text): await door.knock(USER, bearer(text)) for text in tokens}

    assert answers == {
        length: "let in" if length <= TOKEN_BYTES_MAX else "UNAUTHENTICATED TOKEN_INVALID" for length in answers
    }
    assert set(answers.values()) == {"let in", "UNAUTHENTICATED TOKEN_INVALID"}


async def test_a_token_of_100_kb_does_not_even_reach_us(door: Door) -> None:
    assert await door.knock(USER, bearer("A" * 100_000)) == "RESOURCE_EXHAUSTED RESOURCE_EXHAUSTED"
