"""Guessing and flooding: what is refused, for whom, and whom it does not touch; through a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from chassis.clock import SystemClock
from chassis.errors import ErrorDetails, read_details
from chassis.rate_limits import HIDDEN_CLIENTS, Limit, RateLimited, RateLimits
from chassis.shared_counts import MemoryCounts
from chassis.testing import ManualClock, TestIssuer, served
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from services.auth.app import build_auth, service_of
from services.auth.errors import HashingOverloaded, InvalidCredentials
from services.auth.keys import KeyRing
from services.auth.limits import AuthLimits, LimitsConfig
from services.auth.memory_store import MemoryStore
from services.auth.passwords import Passwords
from services.auth.refresh_tokens import RefreshTokens
from services.auth.service_clients import ServiceClients
from services.auth.tests.scene import JWT_SECRET, REFRESH_SECRET, Auth, auth_over, end_sessions_over

if TYPE_CHECKING:
    from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceAsyncStub

PASSWORD = "correct horse"
HERE, THERE = "198.51.100.1", "198.51.100.2"

Code = grpc.StatusCode


def limits_of(clock: ManualClock, **limits: Limit) -> AuthLimits:
    """These limits, and all others off."""
    return AuthLimits(replace(LimitsConfig.off(), **limits), RateLimits(MemoryCounts(), REFRESH_SECRET, clock))


def account_limit(count: int) -> Limit:
    return Limit("login-account", count, 60)


@dataclass(frozen=True)
class Wire:
    """What a gateway calls for a client at an address."""

    stub: "AuthServiceAsyncStub"
    issuer: TestIssuer
    clock: ManualClock

    def told(self, address: str, *, proven: bool = True) -> tuple[tuple[str, str], ...]:
        proof = (("x-gateway-authorization", f"Bearer {self.issuer.service('gateway')}"),)
        return (("x-client-address", address), *(proof if proven else ()))

    async def register(self, email: str = "ada@example.com", *, address: str = HERE, proven: bool = True) -> None:
        request = auth_pb2.RegisterRequest(email=email, password=PASSWORD)
        await self.stub.Register(request, metadata=self.told(address, proven=proven))

    async def log_in(
        self, email: str = "ada@example.com", password: str = PASSWORD, *, address: str = HERE, proven: bool = True
    ) -> str:
        request = auth_pb2.LoginRequest(email=email, password=password)
        return (await self.stub.Login(request, metadata=self.told(address, proven=proven))).refresh_token

    async def refresh(self, token: str, *, address: str = HERE, proven: bool = True) -> str:
        request = auth_pb2.RefreshTokenRequest(refresh_token=token)
        return (await self.stub.RefreshToken(request, metadata=self.told(address, proven=proven))).refresh_token


@asynccontextmanager
async def wired(passwords: Passwords, **limits: Limit) -> AsyncIterator[Wire]:
    """Auth with these limits, where Ada has an account."""
    clock, issuer = ManualClock(SystemClock().now()), TestIssuer()
    store = MemoryStore()
    servicer = build_auth(
        store=store,
        passwords=passwords,
        keys=KeyRing.derive(JWT_SECRET),
        refresh_tokens=RefreshTokens(REFRESH_SECRET),
        clients=ServiceClients({}),
        end_sessions=end_sessions_over(store, clock),
        limits=limits_of(clock, **limits),
        clock=clock,
    )
    async with served(service_of(servicer), issuer=issuer) as channel:
        wire = Wire(AuthServiceStub(channel), issuer, clock)
        await wire.register(address="192.0.2.1")
        yield wire


async def refusal(answer: Awaitable[Any]) -> tuple[Code, ErrorDetails]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answer
    return caught.value.code(), read_details(caught.value)


async def reasons(tries: int, attempt: Callable[[], Awaitable[Any]]) -> list[str]:
    """The reason of each refusal; empty for what was not refused."""
    found = []
    for _ in range(tries):
        try:
            await attempt()
            found.append("")
        except grpc.aio.AioRpcError as error:
            found.append(read_details(error).reason)
    return found


async def test_after_so_many_wrong_passwords_an_account_waits(passwords: Passwords) -> None:
    async with wired(passwords, login_account=account_limit(3)) as wire:
        guesses = await reasons(4, lambda: wire.log_in(password="guess"))
        code, details = await refusal(wire.log_in())
        assert details.retry_after_seconds is not None
        wire.clock.advance(details.retry_after_seconds)
        afterwards = await wire.log_in()

    assert guesses == [*["INVALID_CREDENTIALS"] * 3, "RATE_LIMITED"]
    assert (code, details.reason) == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert details.metadata == {"limit": "login-account"}
    assert 0 < details.retry_after_seconds <= 120
    assert afterwards


async def test_an_unknown_address_is_answered_all_the_same(passwords: Passwords) -> None:
    async with wired(passwords, login_account=account_limit(3)) as wire:
        known = [await refusal(wire.log_in("ada@example.com", "guess")) for _ in range(6)]
        unknown = [await refusal(wire.log_in("bob@example.com", "guess")) for _ in range(6)]

    assert known == unknown
    assert [details.reason for _, details in known][2:4] == ["INVALID_CREDENTIALS", "RATE_LIMITED"]


async def test_an_account_is_one_whatever_the_capitals_of_its_address(passwords: Passwords) -> None:
    async with wired(passwords, login_account=account_limit(2)) as wire:
        await reasons(2, lambda: wire.log_in("ADA@Example.com", "guess"))

        assert await reasons(1, wire.log_in) == ["RATE_LIMITED"]


async def test_somebody_elses_account_is_not_concerned(passwords: Passwords) -> None:
    async with wired(passwords, login_account=account_limit(2)) as wire:
        await wire.register("bob@example.com")
        await reasons(5, lambda: wire.log_in(password="guess"))

        assert await wire.log_in("bob@example.com")


async def test_right_passwords_do_not_count_against_the_account(passwords: Passwords) -> None:
    async with wired(passwords, login_account=account_limit(2)) as wire:
        assert await reasons(8, wire.log_in) == [""] * 8


async def test_guesses_that_are_made_at_once_count_as_well(passwords: Passwords) -> None:
    async with wired(passwords, login_account=account_limit(3)) as wire:
        guesses = await asyncio.gather(*(reasons(1, lambda: wire.log_in(password="guess")) for _ in range(20)))

    assert sorted(reason for guess in guesses for reason in guess) == [
        *["INVALID_CREDENTIALS"] * 3,
        *["RATE_LIMITED"] * 17,
    ]


async def test_an_owner_with_a_refresh_token_is_not_locked_out_by_wrong_passwords(passwords: Passwords) -> None:
    limits = {
        "login_account": account_limit(3),
        "login_address": Limit("login-address", 5, 60),
        "login_global": Limit("login-global", 7, 60),
        "refresh_session": Limit("refresh-session", 10, 60),
        "refresh_address": Limit("refresh-address", 10, 60),
        "refresh_global": Limit("refresh-global", 10, 60),
    }
    async with wired(passwords, **limits) as wire:
        token = await wire.log_in(address=THERE)
        guesses = await reasons(50, lambda: wire.log_in(password="guess", address=HERE))
        assert guesses[-1] == "RATE_LIMITED"

        for address in (HERE, THERE):
            token = await wire.refresh(token, address=address)

    assert token


@asynccontextmanager
async def ada_registered(passwords: Passwords, limits: AuthLimits, clock: ManualClock) -> AsyncIterator[Auth]:
    """The use cases alone, with an account of Ada's."""
    auth = auth_over(MemoryStore(), passwords, clock, limits=limits)
    await auth.register("ada@example.com", PASSWORD, "Ada")
    yield auth


@pytest.mark.parametrize("email", ["ada@example.com", "bob@example.com"])
async def test_no_password_is_hashed_for_who_is_refused(passwords: Passwords, clock: ManualClock, email: str) -> None:
    limits = limits_of(clock, login_account=account_limit(1), register_global=Limit("register-global", 1, 60))
    async with ada_registered(passwords, limits, clock) as auth:
        with pytest.raises(InvalidCredentials):
            await auth.login(email, "guess")
    with closing(Passwords(threads=1)) as closed:
        closed.close()
        idle = auth_over(auth.store, closed, clock, limits=limits)

        with pytest.raises(RuntimeError, match="cannot schedule new futures"):
            await idle.login("cyd@example.com", "guess")
        with pytest.raises(RateLimited):
            await idle.login(email, "guess")
        with pytest.raises(RateLimited):
            await idle.register("dan@example.com", PASSWORD, "Dan")


async def test_a_try_that_found_no_room_to_be_checked_does_not_count(clock: ManualClock) -> None:
    count = 30
    with closing(Passwords(threads=1, waiting_max=1)) as passwords:
        async with ada_registered(passwords, limits_of(clock, login_account=account_limit(count)), clock) as auth:
            tries = [auth.login("ada@example.com", "guess") for _ in range(20)]
            outcomes = [type(outcome) for outcome in await asyncio.gather(*tries, return_exceptions=True)]
            while outcomes[-1] is not RateLimited:
                try:
                    await auth.login("ada@example.com", "guess")
                except (InvalidCredentials, RateLimited) as error:
                    outcomes.append(type(error))

    assert HashingOverloaded in outcomes
    assert outcomes.count(InvalidCredentials) == count


async def test_a_try_whose_caller_does_not_wait_counts(passwords: Passwords, clock: ManualClock) -> None:
    async with ada_registered(passwords, limits_of(clock, login_account=account_limit(1)), clock) as auth:
        guess = asyncio.create_task(auth.login("ada@example.com", "guess"))
        await asyncio.sleep(0)  # now it waits for a thread
        guess.cancel()
        with pytest.raises(asyncio.CancelledError):
            await guess

        with pytest.raises(RateLimited):
            await auth.login("ada@example.com", PASSWORD)


async def test_a_session_is_not_refreshed_too_often(passwords: Passwords) -> None:
    async with wired(passwords, refresh_session=Limit("refresh-session", 3, 60)) as wire:
        token, others = await wire.log_in(), await wire.log_in()
        for _ in range(3):
            token = await wire.refresh(token)

        code, details = await refusal(wire.refresh(token))
        other = await wire.refresh(others)
        wire.clock.advance(details.retry_after_seconds or 0.0)

        assert (code, details.metadata) == (Code.RESOURCE_EXHAUSTED, {"limit": "refresh-session"})
        assert other
        assert await wire.refresh(token), "what was refused did not use the token up"


async def test_invented_tokens_use_up_nothing_of_a_session(passwords: Passwords) -> None:
    async with wired(passwords, refresh_session=Limit("refresh-session", 2, 60)) as wire:
        token = await wire.log_in()
        session_id = token.split(".")[0]
        invented = await reasons(10, lambda: wire.refresh(f"{session_id}.1.{'a' * 43}"))

        assert set(invented) == {"INVALID_REFRESH_TOKEN"}
        assert await wire.refresh(token)


Attempt = Callable[..., Awaitable[Any]]

ATTEMPTS: dict[str, Callable[[Wire], Attempt]] = {
    "login": lambda wire: lambda **told: wire.log_in("nobody@example.com", "guess", **told),
    "register": lambda wire: lambda **told: wire.register("ada@example.com", **told),
    "refresh": lambda wire: lambda **told: wire.refresh("nonsense", **told),
}
"""What is tried, always in vain."""

REFUSED = {"login": "INVALID_CREDENTIALS", "register": "EMAIL_TAKEN", "refresh": "INVALID_REFRESH_TOKEN"}


@pytest.mark.parametrize("what", ATTEMPTS)
async def test_one_address_may_not_try_too_often_and_others_may(passwords: Passwords, what: str) -> None:
    async with wired(passwords, **{f"{what}_address": Limit(f"{what}-address", 2, 60)}) as wire:
        attempt = ATTEMPTS[what](wire)
        here = await reasons(3, lambda: attempt(address=HERE))
        _, details = await refusal(attempt(address=HERE))
        there = await reasons(1, lambda: attempt(address=THERE))

    assert here == [REFUSED[what], REFUSED[what], "RATE_LIMITED"]
    assert details.metadata == {"limit": f"{what}-address"}
    assert there == [REFUSED[what]]


@pytest.mark.parametrize("what", ATTEMPTS)
async def test_all_together_may_not_try_too_often(passwords: Passwords, what: str) -> None:
    count = 3 if what == "register" else 2  # Ada was registered before
    async with wired(passwords, **{f"{what}_global": Limit(f"{what}-global", count, 60)}) as wire:
        attempt = ATTEMPTS[what](wire)
        tries = [await reasons(1, partial(attempt, address=f"198.51.100.{number}")) for number in range(3)]

    assert tries == [[REFUSED[what]], [REFUSED[what]], ["RATE_LIMITED"]]


async def test_one_who_is_refused_uses_up_nothing_of_all_others(passwords: Passwords) -> None:
    limits = {"login_address": Limit("login-address", 2, 60), "login_global": Limit("login-global", 5, 60)}
    async with wired(passwords, **limits) as wire:
        await reasons(50, lambda: wire.log_in(password="guess", address=HERE))

        assert await wire.log_in(address=THERE)


async def test_what_cannot_be_tried_does_not_count(passwords: Passwords) -> None:
    async with wired(passwords, login_address=Limit("login-address", 1, 60)) as wire:
        assert await reasons(3, lambda: wire.log_in("no address")) == ["INVALID_REQUEST"] * 3

        assert await wire.log_in()


async def test_clients_of_a_gateway_that_cannot_prove_itself_are_not_locked_out_as_one(passwords: Passwords) -> None:
    async with wired(passwords, login_address=Limit("login-address", 2, 60)) as wire:
        served = await reasons(2 * HIDDEN_CLIENTS, lambda: wire.log_in(proven=False))
        more = await reasons(1, lambda: wire.log_in(proven=False, address=THERE))

        assert (set(served), more) == ({""}, ["RATE_LIMITED"])
        assert await wire.log_in(proven=True)
