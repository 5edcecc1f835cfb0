"""How many requests one client may make; a client is its address, as ``TRUSTED_PROXIES`` decides.

Answers say how it stands, in ``RateLimit`` and ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers-10).
"""

from math import ceil

from chassis.rate_limits import Limit, RateLimited, RateLimits, Standing, client
from gateway.exchange import Request, Response

LIMIT_NAME = "client"


class ClientLimit:
    """Counts requests by client. ``limit`` is one that is not off."""

    def __init__(self, limit: Limit, rates: RateLimits) -> None:
        self._limit = limit
        self._rates = rates
        policy = f'"{limit.name}";q={limit.count};w={limit.window_seconds}'
        self._policy = (b"ratelimit-policy", policy.encode())

    def take(self, request: Request) -> None:
        """Count a request of the current call's client.

        :raises RateLimited: when there were too many.
        """
        charge = client(self._limit)
        try:
            self._rates.take(charge)
        except RateLimited as refused:
            request.standing = Standing(0, refused.retry_after_seconds)
            raise
        request.standing = self._rates.standing(charge)

    def tell(self, request: Request, response: Response) -> None:
        """Say how the client stands, if the request was counted: probes are not, nor what no endpoint answers."""
        standing = request.standing
        if standing is not None:
            item = f'"{self._limit.name}";r={standing.left};t={max(1, ceil(standing.reset_seconds))}'
            response.headers += [self._policy, (b"ratelimit", item.encode())]
