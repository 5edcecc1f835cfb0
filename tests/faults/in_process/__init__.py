"""Orders, inventory and the notifier's worker in one process, each of which can die at any crash point."""
