"""``python -m deploy.local [up|dev|demo]``: see the Makefile for what each does."""

import argparse
import asyncio
import os
import sys

from chassis.config import ConfigError, load_environment
from chassis.process import EXIT_CONFIGURATION
from deploy.local.clean import DEMO_STATE, STATE
from deploy.local.console import Console
from deploy.local.demo import demo
from deploy.local.environments import reach_this_machine_directly
from deploy.local.errors import StackError
from deploy.local.state import StateDirectory
from deploy.local.up import up


def main() -> int:
    """Run the command that the arguments name; returns the exit code."""
    arguments = _parser().parse_args()
    console = Console()
    reach_this_machine_directly()
    try:
        if arguments.command == "demo":
            run = demo(os.environ, StateDirectory(DEMO_STATE), console, without_redis=arguments.without_redis)
        else:
            watch_code = arguments.command == "dev"
            run = up(load_environment(), StateDirectory(STATE), console, watch_code=watch_code)
        asyncio.run(run)
    except (StackError, ConfigError) as error:
        sys.stderr.write(f"ordermesh: {error}\n")
        return EXIT_CONFIGURATION if isinstance(error, ConfigError) else 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="The whole mesh on this machine.")
    parser.set_defaults(command="up")
    commands = parser.add_subparsers(dest="command", metavar="up|dev|demo")
    commands.add_parser("up", help="run until Ctrl-C (this is also what no command means)")
    commands.add_parser("dev", help="the same, and restart a process when its code changes")
    demo_parser = commands.add_parser("demo", help="run, tell the life of an order, stop")
    demo_parser.add_argument("--without-redis", action="store_true", help="stop Redis in the middle")
    return parser


if __name__ == "__main__":
    sys.exit(main())
