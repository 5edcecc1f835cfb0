"""Every rpc and every refusal, through a real server with its full chain."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from chassis.clock import SystemClock
from chassis.errors import ErrorDetails, read_details
from chassis.testing import ManualClock, TestIssuer, bearer, served
from chassis.tokens import TokenExpired, TokenVerifier
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from services.auth.app import build_auth, service_of
from services.auth.keys import KeyRing, LocalKeys
from services.auth.limits import unlimited
from services.auth.memory_store import MemoryStore
from services.auth.passwords import Passwords
from services.auth.refresh_tokens import RefreshTokens
from services.auth.service_clients import ServiceClients
from services.auth.tests.scene import JWT_SECRET, REFRESH_SECRET, end_sessions_over

if TYPE_CHECKING:
    from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceAsyncStub

PASSWORD = "correct horse"
ORDERS_SECRET = "the secret of orders, which is long enough"

Code = grpc.StatusCode


@dataclass(frozen=True)
class Wire:
    stub: "AuthServiceAsyncStub"
    issuer: TestIssuer
    clock: ManualClock
    keys: KeyRing

    async def ada_registers(self) -> auth_pb2.User:
        request = auth_pb2.RegisterRequest(email="Ada@Example.com", password=PASSWORD, name=" Ada  Lovelace\r\n")
        return await self.stub.Register(request)

    async def ada_logs_in(self) -> auth_pb2.TokenPair:
        return await self.stub.Login(auth_pb2.LoginRequest(email="ada@example.com", password=PASSWORD))

    async def refresh(self, token: str) -> auth_pb2.TokenPair:
        return await self.stub.RefreshToken(auth_pb2.RefreshTokenRequest(refresh_token=token))


@asynccontextmanager
async def wired(passwords: Passwords) -> AsyncIterator[Wire]:
    keys = KeyRing.derive(JWT_SECRET)
    clock = ManualClock(SystemClock().now())
    store = MemoryStore()
    servicer = build_auth(
        store=store,
        passwords=passwords,
        keys=keys,
        refresh_tokens=RefreshTokens(REFRESH_SECRET),
        clients=ServiceClients({"orders": sha256(ORDERS_SECRET.encode()).hexdigest()}),
        end_sessions=end_sessions_over(store, clock),
        limits=unlimited(),
        clock=clock,
    )
    issuer = TestIssuer()
    async with served(service_of(servicer), issuer=issuer) as channel:
        yield Wire(AuthServiceStub(channel), issuer, clock, keys)


@pytest.fixture
async def wire(passwords: Passwords) -> AsyncIterator[Wire]:
    async with wired(passwords) as wire:
        yield wire


async def refusal(answer: Awaitable[Any]) -> tuple[Code, ErrorDetails]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answer
    return caught.value.code(), read_details(caught.value)


async def test_registering_answers_the_account(wire: Wire) -> None:
    user = await wire.ada_registers()

    assert (user.email, user.name, user.role) == ("ada@example.com", "Ada Lovelace", auth_pb2.User.CUSTOMER)
    assert user.create_time.ToMilliseconds() == int(wire.clock.now().timestamp() * 1000)
    assert len(user.user_id) == 32


async def test_registering_names_everything_that_is_wrong(wire: Wire) -> None:
    request = auth_pb2.RegisterRequest(email="ada", password="short", name="A" * 201)

    code, details = await refusal(wire.stub.Register(request))

    assert (code, details.reason) == (Code.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert [violation.field for violation in details.violations] == ["email", "password", "name"]


async def test_a_common_password_is_refused_together_with_what_else_is_wrong(wire: Wire) -> None:
    request = auth_pb2.RegisterRequest(email="ada", password="Sunshine", name="A" * 201)

    _, details = await refusal(wire.stub.Register(request))

    assert [violation.field for violation in details.violations] == ["email", "password", "name"]
    assert details.violations[1].description == "must not be one of the 3,000 most common passwords"


@pytest.mark.parametrize(("length", "accepted"), [(7, False), (8, True), (1024, True), (1025, False)])
async def test_a_password_has_8_to_1024_characters(wire: Wire, length: int, accepted: bool) -> None:
    answer = wire.stub.Register(auth_pb2.RegisterRequest(email="ada@example.com", password="é" * length))

    if accepted:
        assert (await answer).email == "ada@example.com"
    else:
        _, details = await refusal(answer)
        assert [violation.field for violation in details.violations] == ["password"]


@pytest.mark.parametrize("password", ["\ufdfa" * 300, "e\u0301" * 4])
async def test_a_password_has_8_to_1024_characters_when_normalised_too(wire: Wire, password: str) -> None:
    code, details = await refusal(
        wire.stub.Register(auth_pb2.RegisterRequest(email="ada@example.com", password=password))
    )

    assert code == Code.INVALID_ARGUMENT
    assert [violation.field for violation in details.violations] == ["password"]


@pytest.mark.parametrize("email", ["ada@example.com", "bob@example.com"])
async def test_a_password_that_normalising_makes_too_long_is_simply_wrong(wire: Wire, email: str) -> None:
    await wire.ada_registers()

    code, details = await refusal(wire.stub.Login(auth_pb2.LoginRequest(email=email, password="\ufdfa" * 300)))

    assert (code, details.reason) == (Code.UNAUTHENTICATED, "INVALID_CREDENTIALS")


async def test_a_password_may_have_nul_characters(wire: Wire) -> None:
    password = "correct\0horse"
    await wire.stub.Register(auth_pb2.RegisterRequest(email="ada@example.com", password=password))

    right = await wire.stub.Login(auth_pb2.LoginRequest(email="ada@example.com", password=password))
    wrong = await refusal(wire.stub.Login(auth_pb2.LoginRequest(email="ada@example.com", password="correct\0mule")))

    assert right.access_token
    assert wrong[0] == Code.UNAUTHENTICATED


async def test_an_address_is_registered_once_whatever_its_capitals(wire: Wire) -> None:
    await wire.ada_registers()

    request = auth_pb2.RegisterRequest(email="ADA@EXAMPLE.COM", password="another password")
    code, details = await refusal(wire.stub.Register(request))

    assert (code, details.reason) == (Code.ALREADY_EXISTS, "EMAIL_TAKEN")


async def test_logging_in_gives_tokens_that_say_who_it_is(wire: Wire) -> None:
    user = await wire.ada_registers()

    pair = await wire.ada_logs_in()

    identity = await TokenVerifier(LocalKeys(wire.keys), wire.clock).verify(pair.access_token)
    assert (identity.kind, identity.subject, identity.role) == ("user", user.user_id, "customer")
    assert (identity.email, identity.session_id) == ("ada@example.com", pair.refresh_token.split(".")[0])
    assert (pair.token_type, pair.expires_in_seconds) == ("Bearer", 600)
    assert pair.refresh_expires_in_seconds == 7 * 24 * 60 * 60


async def test_an_unknown_address_and_a_wrong_password_are_the_same_answer(wire: Wire) -> None:
    await wire.ada_registers()

    unknown = await refusal(wire.stub.Login(auth_pb2.LoginRequest(email="bob@example.com", password=PASSWORD)))
    wrong = await refusal(wire.stub.Login(auth_pb2.LoginRequest(email="ada@example.com", password="guess")))

    assert unknown == wrong
    assert (wrong[0], wrong[1].reason) == (Code.UNAUTHENTICATED, "INVALID_CREDENTIALS")


async def test_logging_in_with_nothing_names_both_fields(wire: Wire) -> None:
    code, details = await refusal(wire.stub.Login(auth_pb2.LoginRequest()))

    assert code == Code.INVALID_ARGUMENT
    assert [violation.field for violation in details.violations] == ["email", "password"]


@pytest.mark.parametrize(
    ("rpc", "request_"),
    [
        ("Register", auth_pb2.RegisterRequest(email="ada@example.com", password=PASSWORD)),
        ("Login", auth_pb2.LoginRequest(email="ada@example.com", password=PASSWORD)),
    ],
)
async def test_too_many_passwords_at_once_are_told_when_to_come_back(rpc: str, request_: Any) -> None:
    with closing(Passwords(threads=1, waiting_max=1)) as passwords:
        async with wired(passwords) as wire:
            answers = [getattr(wire.stub, rpc)(request_) for _ in range(20)]
            outcomes = await asyncio.gather(*answers, return_exceptions=True)

    refused = [
        outcome
        for outcome in outcomes
        if isinstance(outcome, grpc.aio.AioRpcError) and outcome.code() == Code.RESOURCE_EXHAUSTED
    ]
    assert refused
    assert {(read_details(error).reason, read_details(error).retry_after_seconds) for error in refused} == {
        ("OVERLOADED", 1.0)
    }


async def test_refreshing_gives_the_next_pair(wire: Wire) -> None:
    await wire.ada_registers()
    first = await wire.ada_logs_in()

    second = await wire.refresh(first.refresh_token)

    assert second.refresh_token != first.refresh_token
    assert (await wire.refresh(first.refresh_token)).refresh_token == second.refresh_token


async def test_a_refresh_token_used_again_later_ends_the_session(wire: Wire) -> None:
    await wire.ada_registers()
    first = await wire.ada_logs_in()
    second = await wire.refresh(first.refresh_token)
    wire.clock.advance(11)

    reused = await refusal(wire.refresh(first.refresh_token))
    newest = await refusal(wire.refresh(second.refresh_token))

    assert reused == newest
    assert (reused[0], reused[1].reason) == (Code.UNAUTHENTICATED, "INVALID_REFRESH_TOKEN")


@pytest.mark.parametrize(
    ("token", "code", "reason"),
    [
        ("", Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
        ("x" * 513, Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
        ("nonsense", Code.UNAUTHENTICATED, "INVALID_REFRESH_TOKEN"),
        (f"{'0' * 32}.1.{'a' * 43}", Code.UNAUTHENTICATED, "INVALID_REFRESH_TOKEN"),
    ],
)
async def test_what_is_no_refresh_token_is_refused(wire: Wire, token: str, code: Code, reason: str) -> None:
    actual, details = await refusal(wire.refresh(token))

    assert (actual, details.reason) == (code, reason)


async def test_a_user_reads_their_own_account(wire: Wire) -> None:
    ada = await wire.ada_registers()

    user = await wire.stub.GetCurrentUser(
        auth_pb2.GetCurrentUserRequest(), metadata=bearer(wire.issuer.user(ada.user_id))
    )

    assert user == ada


async def test_an_account_that_is_gone_cannot_be_read(wire: Wire) -> None:
    token = bearer(wire.issuer.user("nobody"))

    code, details = await refusal(wire.stub.GetCurrentUser(auth_pb2.GetCurrentUserRequest(), metadata=token))

    assert (code, details.reason) == (Code.UNAUTHENTICATED, "ACCOUNT_GONE")


@pytest.mark.parametrize(
    ("caller", "code", "reason"),
    [
        ("", Code.UNAUTHENTICATED, "TOKEN_MISSING"),
        ("nonsense", Code.UNAUTHENTICATED, "TOKEN_INVALID"),
        ("service", Code.PERMISSION_DENIED, "CALLER_NOT_ALLOWED"),
    ],
)
async def test_an_account_is_read_by_users_only(wire: Wire, caller: str, code: Code, reason: str) -> None:
    token = wire.issuer.service("orders") if caller == "service" else caller
    request = auth_pb2.GetCurrentUserRequest()

    actual, details = await refusal(wire.stub.GetCurrentUser(request, metadata=bearer(token) if token else ()))

    assert (actual, details.reason) == (code, reason)


async def test_the_published_keys_verify_the_tokens(wire: Wire) -> None:
    answer = await wire.stub.GetJsonWebKeySet(auth_pb2.GetJsonWebKeySetRequest())

    (key,) = answer.keys
    assert (key.kid, key.x) == (wire.keys.current.key_id, wire.keys.current.x)
    assert (key.kty, key.crv, key.use, key.alg) == ("OKP", "Ed25519", "sig", "EdDSA")


async def test_a_service_gets_a_token_that_says_only_which_service_it_is(wire: Wire) -> None:
    request = auth_pb2.IssueServiceTokenRequest(client_id="orders", client_secret=ORDERS_SECRET)

    token = await wire.stub.IssueServiceToken(request)

    identity = await TokenVerifier(LocalKeys(wire.keys), wire.clock).verify(token.access_token)
    assert (identity.kind, identity.subject) == ("service", "orders")
    assert (identity.role, identity.email, identity.session_id) == ("", "", "")
    assert (token.token_type, token.expires_in_seconds) == ("Bearer", 300)


async def test_an_unknown_client_and_a_wrong_secret_are_the_same_answer(wire: Wire) -> None:
    request = auth_pb2.IssueServiceTokenRequest

    unknown = await refusal(wire.stub.IssueServiceToken(request(client_id="cron", client_secret=ORDERS_SECRET)))
    wrong = await refusal(wire.stub.IssueServiceToken(request(client_id="orders", client_secret="guess")))
    empty = await refusal(wire.stub.IssueServiceToken(request()))

    assert unknown == wrong == empty
    assert (wrong[0], wrong[1].reason) == (Code.UNAUTHENTICATED, "INVALID_CLIENT")


ORDER = "0123456789abcdef" * 2


async def test_a_ticket_is_the_callers_for_one_order_and_for_a_minute(wire: Wire) -> None:
    request = auth_pb2.IssueTicketRequest(order_id=ORDER)

    ticket = await wire.stub.IssueTicket(request, metadata=bearer(wire.issuer.user("ada", sid="s-7")))

    verifier = TokenVerifier(LocalKeys(wire.keys), wire.clock)
    holder = await verifier.verify_ticket(ticket.ticket)
    assert (holder.subject, holder.session_id, holder.role, holder.ticket_for) == ("ada", "s-7", "customer", ORDER)
    assert ticket.expires_in_seconds == 60
    wire.clock.advance(60)
    with pytest.raises(TokenExpired):
        await verifier.verify_ticket(ticket.ticket)


async def test_who_used_a_ticket_stays_no_longer_than_the_token_that_it_was_made_with(wire: Wire) -> None:
    in_five_minutes = int(wire.clock.now().timestamp()) + 300
    token = wire.issuer.user("ada", exp=in_five_minutes)
    ticket = await wire.stub.IssueTicket(auth_pb2.IssueTicketRequest(order_id=ORDER), metadata=bearer(token))

    verifier = TokenVerifier(LocalKeys(wire.keys), wire.clock)
    holder = await verifier.verify_ticket(ticket.ticket, is_used=True)

    assert holder.expire_time.timestamp() == in_five_minutes


@pytest.mark.parametrize("order_id", ["", "x", ORDER[:-1], ORDER + "0", ORDER.upper(), f"{ORDER[:-1]}\n", "*"])
async def test_there_is_no_ticket_for_what_is_no_order(wire: Wire, order_id: str) -> None:
    request = auth_pb2.IssueTicketRequest(order_id=order_id)

    code, details = await refusal(wire.stub.IssueTicket(request, metadata=bearer(wire.issuer.user("ada"))))

    assert (code, details.reason) == (Code.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert [violation.field for violation in details.violations] == ["order_id"]


async def test_no_address_and_no_secret_reaches_the_log(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await wire.ada_registers()
    await refusal(wire.ada_registers())
    await refusal(wire.stub.Login(auth_pb2.LoginRequest(email="ada@example.com", password="guess-guess")))
    first = await wire.ada_logs_in()
    await wire.refresh(first.refresh_token)
    wire.clock.advance(11)
    await refusal(wire.refresh(first.refresh_token))

    logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)

    assert "refresh_token_reused" in logged
    private = ("example.com", PASSWORD, "guess-guess", "Lovelace", first.access_token, first.refresh_token)
    assert [text for text in private if text.lower() in logged.lower()] == []
