"""``python -m services.notifier``."""

from chassis.config import load_environment
from chassis.logs import configure_logging
from chassis.process import run
from chassis.server import serve
from services.notifier.app import open_notifier
from services.notifier.config import NotifierConfig


def main() -> None:
    """Run the notifier until it is stopped."""
    run(serve_notifier)


async def serve_notifier() -> None:
    """Read the configuration, open the notifier, serve."""
    config = NotifierConfig.from_environment(load_environment())
    configure_logging(config.server.log_level, config.server.log_format)
    await serve(config.server, open_notifier(config))


if __name__ == "__main__":
    main()
