"""``python -m services.auth`` serves; with arguments it runs one command of the operator."""

import sys

from chassis.config import load_environment
from chassis.logs import configure_logging
from chassis.process import run
from chassis.server import serve
from services.auth.app import open_auth
from services.auth.commands import run_command
from services.auth.config import AuthConfig


def main() -> None:
    """Serve, or run the command that the arguments name."""
    if arguments := sys.argv[1:]:
        run_command(arguments)
    else:
        run(serve_auth)


async def serve_auth() -> None:
    """Serve until the process is told to stop."""
    config = AuthConfig.from_environment(load_environment())
    configure_logging(config.server.log_level, config.server.log_format)
    await serve(config.server, open_auth(config))


if __name__ == "__main__":
    main()
