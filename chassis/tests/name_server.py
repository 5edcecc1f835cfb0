"""A DNS server that answers for one name, as a cluster's does for a headless Service."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from time import monotonic
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

NAME = "auth.ordermesh.svc.cluster.local"


class NameServer(asyncio.DatagramProtocol):
    """Knows the addresses of :data:`NAME`.

    With ``kept_seconds`` it is one that keeps an answer for so long, however the addresses change: what a
    cache between the cluster's DNS and its clients does.
    """

    def __init__(self, addresses: Collection[str], kept_seconds: float = 0.0) -> None:
        self.addresses = list(addresses)
        self.asked = 0
        self._kept_seconds = kept_seconds
        self._kept: list[str] = []
        self._kept_until = 0.0
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self._answer(dns.message.from_wire(data)).to_wire(), addr)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        if question.name.to_text(omit_final_dot=True) != NAME:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A and (known := self._known()):
            self.asked += 1
            answer.answer.append(dns.rrset.from_text_list(question.name, 5, dns.rdataclass.IN, dns.rdatatype.A, known))
        return answer

    def _known(self) -> list[str]:
        if monotonic() >= self._kept_until:
            self._kept, self._kept_until = list(self.addresses), monotonic() + self._kept_seconds
        return self._kept


@asynccontextmanager
async def name_server(addresses: Collection[str], kept_seconds: float = 0.0) -> AsyncIterator[tuple[NameServer, int]]:
    """Such a server and its port on 127.0.0.1."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: NameServer(addresses, kept_seconds), local_addr=("127.0.0.1", 0)
    )
    try:
        yield server, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
