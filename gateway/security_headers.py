"""What browsers are told not to do with an answer. An endpoint that gives one of these headers itself is let alone.

``Strict-Transport-Security`` is not among them: TLS ends in front of the gateway, and who ends it knows for which
names that holds (RFC 6797 forbids to say it over plain HTTP).
"""

from gateway.exchange import Headers, Request, Response

DEFAULTS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
]
"""JSON shown in a tab runs nothing, is in no frame, is no image or script of another site's page (which CORS does not
concern), and its address is not passed on."""

_NAMES = frozenset(name for name, _ in DEFAULTS)


def secure(_request: Request, response: Response) -> None:
    """Add what the endpoint has not said."""
    said = {name for name, _ in response.headers}
    response.headers += DEFAULTS if _NAMES.isdisjoint(said) else [new for new in DEFAULTS if new[0] not in said]
