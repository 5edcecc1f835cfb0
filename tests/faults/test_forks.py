"""The rig starts thousands of processes while it has gRPC channels open."""

import asyncio
import os
import sys

FORK_BESIDE_A_CHANNEL = """
import asyncio, uvloop
import tests.faults
import grpc

async def main():
    server = grpc.aio.server()
    await server.start()
    await (await asyncio.create_subprocess_exec("true")).wait()
    await server.stop(None)

uvloop.run(main())
"""


async def test_grpc_does_nothing_when_the_rig_starts_a_process() -> None:
    """What it does at a fork can crash the rig, or the new process. It says that it did, or why not."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FORK_BESIDE_A_CHANNEL),
        env={key: value for key, value in os.environ.items() if not key.startswith("GRPC_")}
        | {"GRPC_VERBOSITY": "info"},
        stderr=asyncio.subprocess.PIPE,
    )

    _, said = await child.communicate()

    assert child.returncode == 0, said
    assert b"fork" not in said
