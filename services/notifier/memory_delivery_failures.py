"""Delivery failures in memory."""

from services.notifier.delivery_failure import DeliveryFailure


class MemoryDeliveryFailures:
    """See :class:`services.notifier.delivery_failure.DeliveryFailures`."""

    def __init__(self) -> None:
        self._failures: dict[str, DeliveryFailure] = {}

    async def record(self, message_id: str, reason: str, description: str) -> None:
        """See the port."""
        known = self._failures.get(message_id)
        attempts = known.attempts + 1 if known else 1
        self._failures[message_id] = DeliveryFailure(reason, description, attempts)

    async def find(self, message_id: str) -> DeliveryFailure | None:
        """See the port."""
        return self._failures.get(message_id)

    async def forget(self, message_id: str) -> None:
        """See the port."""
        self._failures.pop(message_id, None)
