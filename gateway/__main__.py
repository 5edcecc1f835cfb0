"""``python -m gateway``: serves the contract's REST face."""

from chassis.config import load_environment
from chassis.logs import configure_logging
from chassis.process import run
from gateway.app import open_gateway
from gateway.config import GatewayConfig
from gateway.server import serve


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    run(serve_gateway)


async def serve_gateway() -> None:
    """Read the configuration and serve."""
    config = GatewayConfig.from_environment(load_environment())
    configure_logging(config.log_level, config.log_format)
    await serve(config, open_gateway(config))


if __name__ == "__main__":
    main()
