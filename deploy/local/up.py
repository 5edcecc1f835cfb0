"""``make up`` and ``make dev``: the stack in the foreground, until somebody stops it."""

import os
from collections.abc import Mapping

from deploy.local.console import Console, LogFollower, following
from deploy.local.dev import restart_changed
from deploy.local.settings import SERVICES, Settings
from deploy.local.signals import until_signalled
from deploy.local.stack import Stack, start_stack
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor

QUIET = ("mongod", "redis", "moto")
"""Processes whose logs are for their files only: they say much, and little of it is about orders."""


async def up(values: Mapping[str, str], state: StateDirectory, console: Console, *, watch_code: bool) -> None:
    """Run the stack until a signal comes; with ``watch_code`` restart what changes.

    :raises StackError: when it cannot start or go on.
    """
    settings = Settings.read(values)
    with state.locked():
        supervisor = Supervisor(state, console.say)
        await until_signalled(
            _run(settings, state, console, supervisor, watch_code=watch_code),
            first=lambda: console.say("stopping (once more kills)"),
            again=supervisor.kill,
        )
        console.say("stopped")


async def _run(
    settings: Settings, state: StateDirectory, console: Console, supervisor: Supervisor, *, watch_code: bool
) -> None:
    console.say("starting")
    logs = LogFollower(console, state, quiet=QUIET)
    async with following(logs), supervisor:
        stack = await start_stack(settings, state, supervisor, console.say)
        logs.show_new()
        _welcome(stack, state, console)
        if watch_code:
            await restart_changed(supervisor)
        else:
            await supervisor.wait_failed()


def _welcome(stack: Stack, state: StateDirectory, console: Console) -> None:
    env = stack.environment
    services = "  ".join(f"{name} {env[f'{name.upper()}_ADDR']}" for name in SERVICES)
    lines = [
        "",
        "OrderMesh is ready.",
        f"  REST       {env['GATEWAY_URL']}/api/inventory",
        f"  gRPC       {services}",
        f"  MongoDB    {env['MONGO_URI'] if 'mongod' in stack.settings.own else '(MONGO_URI of the environment)'}",
        f"  addresses and demo logins: . {os.path.relpath(state.env_file)}",
        "  Ctrl-C stops everything.",
        "",
    ]
    for line in lines:
        console.plain(line)
