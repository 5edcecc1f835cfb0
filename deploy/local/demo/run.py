"""The demo's frame: a fresh stack on free ports, the stories, and nothing left behind."""

from collections.abc import Mapping
from time import monotonic

import grpc
import httpx

from deploy.local.console import Console
from deploy.local.demo.rest import open_rest_shop
from deploy.local.demo.story import tell_story
from deploy.local.demo.stubs import open_stub_shop
from deploy.local.errors import StackError
from deploy.local.settings import Settings, isolated
from deploy.local.signals import until_signalled
from deploy.local.stack import Stack, start_stack
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor

TAIL_LINES = 15
TAIL_COLUMNS = 240


async def demo(values: Mapping[str, str], state: StateDirectory, console: Console, *, without_redis: bool) -> None:
    """Run the demo.

    :raises StackError: when a part of it did not work.
    """
    begun = monotonic()
    finished = False

    async def run(supervisor: Supervisor) -> None:
        nonlocal finished
        async with supervisor:
            try:
                stack = await start_stack(Settings.read(isolated(values)), state, supervisor, console.plain)
                console.plain(f"the mesh is ready after {monotonic() - begun:.1f} s")
                await _tell_all(stack, console, without_redis=without_redis)
            except (StackError, grpc.aio.AioRpcError, httpx.HTTPError) as error:
                _show_logs(state, console)
                if isinstance(error, grpc.aio.AioRpcError):
                    raise StackError(f"{error.code().name}: {error.details()}") from error
                raise StackError(str(error)) from error
        finished = True

    with state.locked():
        state.clear()
        supervisor = Supervisor(state, console.plain)
        console.plain("starting MongoDB, Redis, SQS and SES, four services and the gateway ...")
        await until_signalled(
            run(supervisor), first=lambda: console.plain("stopping (once more kills)"), again=supervisor.kill
        )
    if not finished:
        raise StackError("the demo was interrupted")
    console.plain(f"\nAll of it worked, and everything is stopped again ({monotonic() - begun:.1f} s).")


async def _tell_all(stack: Stack, console: Console, *, without_redis: bool) -> None:
    env = stack.environment
    mail_endpoint_url = env["AWS_ENDPOINT_URL"]
    async with open_rest_shop(env["GATEWAY_URL"]) as rest, open_stub_shop(env) as stubs:
        for shop in (rest, stubs):
            console.plain("")
            await tell_story(shop, mail_endpoint_url, console.plain)
        if without_redis:
            await stack.stop("redis")
            console.plain("\nRedis is stopped.")
            for shop in (rest, stubs):
                console.plain("")
                await tell_story(shop, mail_endpoint_url, console.plain)


def _show_logs(state: StateDirectory, console: Console) -> None:
    paths = state.log_files()
    if paths:
        console.plain(f"\nThat did not work. The ends of the logs (whole ones in {paths[0].parent}):")
    for path in paths:
        for line in state.log_tail(path.stem, TAIL_LINES):
            console.line(path.stem, line[:TAIL_COLUMNS])
