"""Who may call what: every method of the contract, everybody who might call, at the service and through the gateway."""

import re
from contextlib import AsyncExitStack
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from chassis.contract import Level, Method, methods_of
from chassis.errors import read_details
from gateway.rules import Rule, read_rules
from tests.contract import METHODS, SERVICES
from tests.e2e.conftest import Shop, bearer
from tests.e2e.identities import Identity, identities

Code = grpc.StatusCode

ALLOWED = "allowed"
"""Let in: what the method then makes of an empty request is its own affair."""

ADDRESSES = {
    "AuthService": "AUTH_ADDR",
    "InventoryService": "INVENTORY_ADDR",
    "OrderService": "ORDERS_ADDR",
    "NotifierService": "NOTIFIER_ADDR",
}

HTTP_STATUS = {Code.UNAUTHENTICATED.name: 401, Code.PERMISSION_DENIED.name: 403}
NOT_LET_IN = frozenset({401, 403})

CONTRACT = methods_of(SERVICES)
RULES = read_rules(SERVICES)


def verdict(method: Method, identity: Identity) -> str:
    """What the contract says: ``ALLOWED``, or the code and the reason of the refusal."""
    is_user = identity.kind in {"customer", "admin"}
    match method.level:
        case Level.PUBLIC:
            return ALLOWED
        case _ if identity.kind == "nobody":
            return Code.UNAUTHENTICATED.name
        case Level.SERVICE:
            return ALLOWED if identity.kind in method.services else f"{Code.PERMISSION_DENIED.name} CALLER_NOT_ALLOWED"
        case _ if not is_user:
            return f"{Code.PERMISSION_DENIED.name} CALLER_NOT_ALLOWED"
        case Level.ADMIN if identity.kind != "admin":
            return f"{Code.PERMISSION_DENIED.name} ADMIN_REQUIRED"
        case _:
            return ALLOWED


def is_as_expected(seen: str, expected: str) -> bool:
    """A refusal of somebody whom nobody knows may have one of several reasons."""
    return seen.startswith(expected) if expected == Code.UNAUTHENTICATED.name else seen == expected


async def test_every_method_lets_in_whom_the_contract_names_and_nobody_else(shop: Shop) -> None:
    """Straight at the services."""
    wrong = []
    async with AsyncExitStack() as stack:
        channels = {
            name: await stack.enter_async_context(grpc.aio.insecure_channel(shop.stack.environment[address]))
            for name, address in ADDRESSES.items()
        }
        for identity in await identities(shop):
            for descriptor in sorted(METHODS, key=ends_the_session):
                method = method_of(descriptor)
                seen = await called(channels[descriptor.containing_service.name], descriptor, method, identity)
                if not is_as_expected(seen, expected := verdict(method, identity)):
                    wrong.append(f"{identity.name}: {method.path} is {seen}, not {expected}")

    assert wrong == []


def method_of(descriptor: MethodDescriptor) -> Method:
    return CONTRACT[f"/{descriptor.containing_service.full_name}/{descriptor.name}"]


def ends_the_session(descriptor: MethodDescriptor) -> bool:
    """Called last: nobody is let in after it."""
    return descriptor.name == "LogoutAll"


async def called(channel: grpc.aio.Channel, descriptor: MethodDescriptor, method: Method, identity: Identity) -> str:
    open_call: Any = channel.unary_stream if method.streams else channel.unary_unary
    rpc = open_call(
        method.path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(descriptor.output_type).FromString,
    )
    metadata = tuple(bearer(identity.token).items()) if identity.token else ()
    call = rpc(GetMessageClass(descriptor.input_type)(), metadata=metadata)
    try:
        await (call.read() if method.streams else call)
    except grpc.aio.AioRpcError as error:
        reason = read_details(error).reason
        is_let_in = error.code().name not in HTTP_STATUS or reason in REASONS_OF_ITS_OWN.get(method.name, ())
        return ALLOWED if is_let_in else f"{error.code().name} {reason}"
    return ALLOWED


REASONS_OF_ITS_OWN = {
    "IssueServiceToken": {"INVALID_CLIENT"},
    "ChangePassword": {"SESSION_OVER", "WRONG_PASSWORD"},
}
"""Refusals that a method makes once it has let somebody in."""


async def test_the_gateway_lets_in_the_same(shop: Shop) -> None:
    wrong = []
    for identity in await identities(shop):
        for rule in sorted(RULES, key=lambda rule: ends_the_session(rule.method)):
            method = method_of(rule.method)
            answer = await asked(shop.http, rule, identity)
            if not is_as_expected(seen(answer, method), expected := verdict(method, identity)):
                wrong.append(f"{identity.name}: {answer.request.url.path} is {answer.text}, not {expected}")

    assert wrong == []


async def asked(http: httpx.AsyncClient, rule: Rule, identity: Identity) -> httpx.Response:
    path = re.sub(r"{[^}]*}", "x", rule.template.text)
    headers = bearer(identity.token) if identity.token else {}
    return await http.request(rule.verb, path, headers=headers, json={} if rule.body else None)


def seen(answer: httpx.Response, method: Method) -> str:
    if answer.status_code not in NOT_LET_IN:
        return ALLOWED
    problem = answer.json()
    assert HTTP_STATUS[problem["code"]] == answer.status_code
    if problem["reason"] in REASONS_OF_ITS_OWN.get(method.name, ()):
        return ALLOWED
    return f"{problem['code']} {problem['reason']}"


OWNED = {"GetOrder", "CancelOrder", "WatchOrder"}
"""USER methods that name something which belongs to somebody."""

OF_THE_CALLER = {"LogoutAll", "GetCurrentUser", "ChangePassword", "CreateOrder", "ListOrders", "IssueTicket"}
"""USER methods that are about the caller, by their token alone."""


def test_every_method_for_users_is_known_to_belong_to_somebody() -> None:
    """A new one has to be put into one of the two lists, and into the test below."""
    assert {method.name for method in CONTRACT.values() if method.level == Level.USER} == OWNED | OF_THE_CALLER


@pytest.mark.parametrize("name", sorted(OWNED))
async def test_what_belongs_to_somebody_else_looks_as_if_it_were_not_there(shop: Shop, ada: str, name: str) -> None:
    theirs = (await shop.order(await shop.customer(), (await shop.item(10), 1))).json()["orderId"]
    missing = theirs[::-1]
    verb, suffix = {
        "GetOrder": ("GET", ""),
        "CancelOrder": ("POST", "/cancel"),
        "WatchOrder": ("GET", "/events"),
    }[name]

    problems = []
    for order_id in (theirs, missing):
        headers = bearer(ada) | {"x-request-id": "the-same"}
        answer = await shop.http.request(
            verb, f"/api/orders/{order_id}{suffix}", headers=headers, json={} if verb == "POST" else None
        )
        problems.append((answer.status_code, answer.text.replace(order_id, "ID")))

    assert problems[0] == problems[1]
    assert problems[0][0] == 404


async def test_a_list_has_the_callers_own_orders_only(shop: Shop, ada: str) -> None:
    sku = await shop.item(10)
    mine = (await shop.order(ada, (sku, 1))).json()
    await shop.order(await shop.customer(), (sku, 1))

    over_rest = await shop.http.get("/api/orders", headers=bearer(ada))
    of_somebody = await shop.http.get("/api/orders", params={"userId": "somebody"}, headers=bearer(ada))

    assert [order["orderId"] for order in over_rest.json()["orders"]] == [mine["orderId"]]
    assert of_somebody.status_code in {400, 403}, of_somebody.text


async def test_every_method_was_tried() -> None:
    assert {service.name for service in SERVICES} == ADDRESSES.keys()
