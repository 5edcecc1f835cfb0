"""The address of the client behind trusted proxies."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Self

from chassis.client_address import NO_ADDRESS, canonical
from chassis.config import Environment

Network = IPv4Network | IPv6Network

FORWARDED_ENTRIES_MAX = 16
"""Entries of ``X-Forwarded-For`` that are looked at, from the right: more proxies than anybody has in a row."""

_MAPPED = IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True)
class TrustedProxies:
    """Who is believed when it says for whom it forwards. Without any the client is the peer."""

    networks: Sequence[Network] = ()

    @classmethod
    def read(cls, env: Environment, key: str = "TRUSTED_PROXIES") -> Self:
        """Read a list of addresses and networks, separated by commas: ``10.0.0.0/8, 2001:db8::1``."""
        text = env.optional(key)
        try:
            return cls(tuple(_network(entry.strip()) for entry in text.split(",")) if text else ())
        except ValueError as error:
            env.problem(key, f"must be a list of addresses and networks: {error}")
            return cls()

    def client_of(self, peer: str, forwarded_for: bytes) -> str:
        """The client's address: the peer's, or the rightmost in ``X-Forwarded-For`` that is no trusted proxy's.

        Each trusted proxy wrote down who called it, so what it wrote is believed and nothing left of the first
        address that is not one. An entry that is no address ends the walk: the client is then the proxy before.
        """
        address = canonical(peer) or NO_ADDRESS
        if not forwarded_for or not self._trusts(address):
            return address
        entries = forwarded_for.decode("latin-1").rsplit(",", FORWARDED_ENTRIES_MAX)[-FORWARDED_ENTRIES_MAX:]
        while entries and self._trusts(address):
            before = canonical(_host(entries.pop().strip()))
            if before is None:
                break
            address = before
        return address

    def _trusts(self, address: str) -> bool:
        if not self.networks or address == NO_ADDRESS:
            return False
        parsed = ip_address(address)
        return any(parsed in network for network in self.networks)


def _network(text: str) -> Network:
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - _MAPPED.prefixlen))
    return network


def _host(entry: str) -> str:
    """The entry without its port, which some proxies add: ``192.0.2.7:80``, ``[2001:db8::7]:80``."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    host, _, port = entry.partition(":")
    return host if port.isdecimal() and "." in host else entry
