"""Who calls, and whether the contract lets them."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from google.protobuf.message import Message

from chassis.background import cancel_until_over
from chassis.call import Identity, this_call
from chassis.contract import Level, Method
from chassis.errors import PermissionDenied, Unauthenticated, Unavailable
from chassis.interceptors.chain import Context, Layer, RpcCall
from chassis.interceptors.peer import require_own_certificate

_SCHEME = "bearer "
_TICKET_SCHEME = "ticket "

RECHECK_SECONDS = 1.0
"""So often a stream's caller is looked at again: who was let in may be logged out since."""


class Verifier(Protocol):
    """Knows whose a token is."""

    async def verify(self, token: str) -> Identity:
        """The identity that a valid token stands for.

        :raises Unauthenticated: when the token is not valid.
        """
        ...

    async def verify_ticket(self, ticket: str, *, is_used: bool = False) -> Identity:
        """The identity that a valid ticket stands for. ``is_used``: it has opened what it is for.

        :raises Unauthenticated: when the ticket is not valid.
        """
        ...


class TokenMissing(Unauthenticated):
    """The method wants a token and there is none."""

    reason = "TOKEN_MISSING"


class WrongKindOfCaller(PermissionDenied):
    """A service where a user is wanted, or a user (or another service) where a service is."""

    reason = "CALLER_NOT_ALLOWED"


class AdminRequired(PermissionDenied):
    """A customer called what is for admins."""

    reason = "ADMIN_REQUIRED"


class ProcessStopping(Unavailable):
    """The process ends, and a stream would not end by itself; another replica goes on with it."""

    reason = "STOPPING"


def authenticate(verifier: Verifier) -> Layer:
    """Verify the caller's token and hold it against the method's declared access."""

    def layer(method: Method, call: RpcCall) -> RpcCall:
        async def authenticated(request: bytes, context: Context) -> Message | None:
            current = this_call()
            current.identity = await _identity(verifier, method, context, is_used=current.is_resumed)
            return await call(request, context)

        return authenticated

    return layer


def stay_authenticated(verifier: Verifier, is_stopping: Callable[[], bool]) -> Layer:
    """End a stream when its caller's token expires, or their session ends, or this process does."""

    def layer(method: Method, call: RpcCall) -> RpcCall:
        if not method.streams:
            return call

        async def watched(request: bytes, context: Context) -> Message | None:
            streaming = asyncio.ensure_future(call(request, context))
            try:
                while not (await asyncio.wait({streaming}, timeout=RECHECK_SECONDS))[0]:
                    if is_stopping():
                        raise ProcessStopping("this process is stopping: another one goes on")
                    await _identity(verifier, method, context, is_used=True)
                return await streaming
            finally:
                await cancel_until_over([streaming], RECHECK_SECONDS)

        return watched

    return layer


async def _identity(verifier: Verifier, method: Method, context: Context, *, is_used: bool = False) -> Identity | None:
    value = _authorization(context)
    ticket = _after(_TICKET_SCHEME, value) if method.ticket_field else ""
    if ticket:
        return await verifier.verify_ticket(ticket, is_used=is_used)
    token = bearer_token(value)
    if method.level == Level.PUBLIC:
        return await _identity_if_valid(verifier, token, context)
    if not token:
        raise TokenMissing("send a token: authorization: Bearer ...")
    identity = await verified(verifier, token, context)
    _authorize(method, identity)
    return identity


async def _identity_if_valid(verifier: Verifier, token: str, context: Context) -> Identity | None:
    """A stale token must not keep anybody from what is open to all, least of all from logging in."""
    try:
        return await verified(verifier, token, context) if token else None
    except Unauthenticated:
        return None


async def verified(verifier: Verifier, token: str, context: Context) -> Identity:
    """Whose token it is, and that a service's came with that service's certificate.

    :raises Unauthenticated: when the token is not valid, or somebody else's.
    """
    identity = await verifier.verify(token)
    require_own_certificate(identity, context)
    return identity


def _authorize(method: Method, identity: Identity) -> None:
    if method.level == Level.SERVICE:
        if identity.kind != "service" or identity.subject not in method.services:
            raise WrongKindOfCaller("this method is for other services of the mesh")
    elif identity.kind != "user":
        raise WrongKindOfCaller("this method is for users")
    elif method.level == Level.ADMIN and not identity.is_admin:
        raise AdminRequired("this method is for admins")


def _authorization(context: Context) -> str:
    """How the caller says who they are.

    The values of an ``authorization`` that is given twice are joined, as HTTP does (RFC 9110, section 5.2): that is
    no token, so nobody before us can have meant another one than we do.
    """
    metadata = context.invocation_metadata() or ()
    values = [value for key, value in metadata if key == "authorization" and isinstance(value, str)]
    return ", ".join(values)


def bearer_token(value: str) -> str:
    """The token in the value of an authorization header; empty when it has another scheme."""
    return _after(_SCHEME, value)


def _after(scheme: str, value: str) -> str:
    return value[len(scheme) :].strip(" ") if value[: len(scheme)].lower() == scheme else ""
