"""``python -m services.inventory``."""

from chassis.config import load_environment
from chassis.logs import configure_logging
from chassis.process import run
from chassis.server import serve
from services.inventory.app import open_inventory
from services.inventory.config import InventoryConfig


def main() -> None:
    """Run inventory until it is stopped."""
    run(serve_inventory)


async def serve_inventory() -> None:
    """Read the configuration, open inventory, serve."""
    config = InventoryConfig.from_environment(load_environment())
    configure_logging(config.server.log_level, config.server.log_format)
    await serve(config.server, open_inventory(config))


if __name__ == "__main__":
    main()
