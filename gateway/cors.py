"""Which web pages of other origins may use the API (https://fetch.spec.whatwg.org, the CORS protocol).

Pages are let in by their origin, and send the token themselves, in ``Authorization``. Nothing that a browser would
add by itself opens anything here, so ``Access-Control-Allow-Credentials`` is never said, and ``*`` gives pages no more
than any program has.
"""

import re
from dataclasses import dataclass
from typing import Self

from chassis.config import Environment
from gateway.caching import vary_by
from gateway.exchange import Request, Response

ANY = "*"

PREFLIGHT_SECONDS_MAX = 600
"""How long a browser may remember what it was allowed: so long an origin that was taken away is still let in."""

REQUEST_HEADERS = (
    b"authorization, content-type, grpc-timeout, idempotency-key, if-none-match, last-event-id, traceparent, "
    b"x-request-id"
)
"""What pages may send."""

RESPONSE_HEADERS = (
    b"content-encoding, etag, idempotent-replayed, location, ratelimit, ratelimit-policy, retry-after, traceresponse, "
    b"www-authenticate, x-request-id"
)
"""What pages may read."""

_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True)
class Origins:
    """The origins that are let in: these, or any. Also for WebSockets, which know no CORS."""

    allowed: frozenset[str] = frozenset()
    any: bool = False

    @classmethod
    def read(cls, env: Environment, key: str = "CORS_ORIGINS") -> Self:
        """Read a list of origins, separated by commas, ``https://shop.example, http://localhost:3000``; or ``*``."""
        text = env.optional(key)
        if not text:
            return cls()
        if text.strip() == ANY:
            return cls(any=True)
        origins = [entry.strip().lower() for entry in text.split(",")]
        wrong = [origin for origin in origins if not _ORIGIN.fullmatch(origin)]
        if wrong:
            env.problem(key, f"must be * or a list of origins like https://shop.example, without a path: {wrong[0]!r}")
            return cls()
        return cls(frozenset(_as_browsers_say(origin) for origin in origins))

    def __bool__(self) -> bool:
        return self.any or bool(self.allowed)

    def allows(self, origin: bytes) -> bool:
        """Whether pages of this origin, as the header ``Origin`` names it, are let in."""
        return self.any or origin.decode("latin-1") in self.allowed


NO_ORIGINS = Origins()


class Cors:
    """Tells browsers what pages of :class:`Origins` may do."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins

    def share(self, request: Request, response: Response) -> None:
        """Add what the browser asks for before it lets the page have the answer.

        Where any origin is let in that is said to whoever asks: what a cache was told without an origin, it may give
        to a page (the Fetch standard, CORS protocol and HTTP caches).
        """
        headers = response.headers
        if self._origins.any:
            headers.append((b"access-control-allow-origin", b"*"))
        else:
            vary_by(headers, b"origin")
            origin = request.headers.get(b"origin")
            if origin is None or not self._origins.allows(origin):
                return
            headers.append((b"access-control-allow-origin", origin))
        if request.method == "OPTIONS" and b"access-control-request-method" in request.headers:
            headers += [(b"access-control-allow-methods", value) for name, value in headers if name == b"allow"]
            headers.append((b"access-control-allow-headers", REQUEST_HEADERS))
            headers.append((b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS_MAX))
        else:
            headers.append((b"access-control-expose-headers", RESPONSE_HEADERS))


def _as_browsers_say(origin: str) -> str:
    """Without the port that the scheme has anyway."""
    scheme = origin.partition(":")[0]
    return origin.removesuffix(f":{_PORTS[scheme]}")
