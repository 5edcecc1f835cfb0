"""Whose call it is: the client that the gateway calls for, if it proves to be the gateway."""

import logging
from time import monotonic

from google.protobuf.message import Message

from chassis.call import this_call
from chassis.client_address import ADDRESS_KEY, GATEWAY, PROOF_KEY, canonical
from chassis.contract import Method
from chassis.errors import Unauthenticated
from chassis.interceptors.authenticate import Verifier, bearer_token, verified
from chassis.interceptors.chain import Context, Layer, RpcCall
from chassis.streams import RESUMED_KEY

WARN_AGAIN_SECONDS = 60.0
"""Calls for hidden clients are warned of once in so many seconds, with how many there were."""

_log = logging.getLogger(__name__)


def know_client(verifier: Verifier) -> Layer:
    """Believe the gateway whose call it is.

    Without its proof the address stays that of the connection's other end, and the client is hidden. That is no
    mistake of whoever calls: the call goes on.
    """
    unproven = _Unproven()

    def layer(method: Method, call: RpcCall) -> RpcCall:
        async def known(request: bytes, context: Context) -> Message | None:
            claimed, token, says_resumed = _told(context)
            if claimed or token:
                current = this_call()
                address = canonical(claimed)
                if address is not None and await _is_the_gateways(token, verifier, context):
                    current.client_address = address
                    current.is_resumed = says_resumed
                else:
                    current.client_is_hidden = True
                    unproven.warn(current.client_address)
            return await call(request, context)

        return known

    return layer


async def _is_the_gateways(token: str, verifier: Verifier, context: Context) -> bool:
    if not token:
        return False
    try:
        identity = await verified(verifier, token, context)
    except Unauthenticated:
        return False
    return identity.kind == "service" and identity.subject == GATEWAY


def _told(context: Context) -> tuple[str, str, bool]:
    """The address, the proof, and whether a stream is resumed, as the metadata of a call says."""
    claimed, token, says_resumed = "", "", False
    for key, value in context.invocation_metadata() or ():
        if key == ADDRESS_KEY and isinstance(value, str):
            claimed = value
        elif key == PROOF_KEY and isinstance(value, str):
            token = bearer_token(value)
        elif key == RESUMED_KEY:
            says_resumed = True
    return claimed, token, says_resumed


class _Unproven:
    """Says that a gateway does not prove to be one, but not for each call."""

    def __init__(self) -> None:
        self._calls = 0
        self._silent_until = float("-inf")

    def warn(self, peer: str) -> None:
        self._calls += 1
        now = monotonic()
        if now >= self._silent_until:
            _log.warning(
                "%d calls came for clients whose address is not proven, the last one from %s: "
                "does auth know the gateway and its secret?",
                self._calls,
                peer,
            )
            self._calls = 0
            self._silent_until = now + WARN_AGAIN_SECONDS
