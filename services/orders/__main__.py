"""``python -m services.orders``."""

from chassis.config import load_environment
from chassis.logs import configure_logging
from chassis.process import run
from chassis.server import serve
from services.orders.app import open_orders
from services.orders.config import OrdersConfig


def main() -> None:
    """Run orders until it is stopped."""
    run(serve_orders)


async def serve_orders() -> None:
    """Read the configuration, open orders, serve."""
    config = OrdersConfig.from_environment(load_environment())
    configure_logging(config.server.log_level, config.server.log_format)
    await serve(config.server, open_orders(config))


if __name__ == "__main__":
    main()
