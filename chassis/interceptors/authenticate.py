"""Who calls, and whether the contract lets them."""

from typing import Protocol

from google.protobuf.message import Message

from chassis.call import Identity, current_call
from chassis.contract import Level, Method
from chassis.errors import PermissionDenied, Unauthenticated
from chassis.interceptors.chain import Context, Layer, UnaryCall
from chassis.interceptors.peer import require_own_certificate

_SCHEME = "bearer "


class Verifier(Protocol):
    """Knows whose a token is."""

    async def verify(self, token: str) -> Identity:
        """The identity that a valid token stands for.

        :raises Unauthenticated: when the token is not valid.
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


def authenticate(verifier: Verifier) -> Layer:
    """Verify the caller's token and hold it against the method's declared access."""

    def layer(method: Method, call: UnaryCall) -> UnaryCall:
        async def authenticated(request: bytes, context: Context) -> Message:
            current = current_call()
            assert current is not None, "the layer `begin` stands outside this one"
            current.identity = await _identity(verifier, method, context)
            return await call(request, context)

        return authenticated

    return layer


async def _identity(verifier: Verifier, method: Method, context: Context) -> Identity | None:
    token = _caller_token(context)
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


def _caller_token(context: Context) -> str:
    """The token that came with the call.

    The values of an ``authorization`` that is given twice are joined, as HTTP does (RFC 9110, section 5.2): that is
    no token, so nobody before us can have meant another one than we do.
    """
    metadata = context.invocation_metadata() or ()
    values = [value for key, value in metadata if key == "authorization" and isinstance(value, str)]
    return bearer_token(", ".join(values))


def bearer_token(value: str) -> str:
    """The token in the value of an authorization header; empty when it has another scheme."""
    return value[len(_SCHEME) :].strip(" ") if value[: len(_SCHEME)].lower() == _SCHEME else ""
