"""Whose call it is, by network address: for limits and for logs, never for rights.

The gateway knows the address of a REST client and says it to the services as metadata, beside the end user's own
token and with a token of its own that proves who says it.
"""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote

ADDRESS_KEY = "x-client-address"
"""Metadata: the address of the client that the gateway calls for."""

PROOF_KEY = "x-gateway-authorization"
"""Metadata: ``Bearer`` and the gateway's own service token."""

GATEWAY = "gateway"
"""The service that is believed."""

NO_ADDRESS = "local"
"""Who has no address: it calls over a socket of this very machine."""

CLIENT_NETWORK_BITS = 64
"""An IPv6 client has at least this network to itself, and may call from any address in it."""


_TEXT_LENGTH_MAX = 45 + len("%") + 15
"""The longest address, and as its scope the longest name of an interface: INET6_ADDRSTRLEN and IF_NAMESIZE."""


def canonical(text: str) -> str | None:
    """An IPv4 or IPv6 address in its one form: an IPv4-mapped one as IPv4, without a scope; None for anything else."""
    return _canonical(text) if len(text) <= _TEXT_LENGTH_MAX else None


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str | None:
    """Whoever calls may say any text to be an address, so only short ones may come here, where they are remembered."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address)))


def peer_address(peer: str) -> str:
    """The address in gRPC's name of a peer: ``ipv4:10.0.0.1:4711``, ``ipv6:%5B::1%5D:4711``, ``unix:``."""
    _, _, place = unquote(peer).partition(":")
    host, _, _ = place.rpartition(":")
    return canonical(host.strip("[]")) or NO_ADDRESS


def network_of(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 network of an IPv6 one."""
    if ":" not in address:
        return address
    return str(IPv6Network((address, CLIENT_NETWORK_BITS), strict=False))
