"""``python -m gateway.tests.flooded``: a gateway in a process of its own, whose memory a test looks at.

The services behind it answer at once. It prints its URL and lives until its input ends.
"""

import asyncio
import sys

import uvloop

from gateway.app import SERVICES
from gateway.connections import Connections, allow_descriptors
from gateway.tests.backend import Backend, channels_to, gateway_to, listening


async def main() -> None:
    connections = Connections(allow_descriptors(int(sys.argv[1])))
    async with (
        channels_to(SERVICES, Backend()) as channels,
        listening(gateway_to(SERVICES, channels), connections) as url,
    ):
        print(url, flush=True)  # noqa: T201 - its one word to the test
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main())
