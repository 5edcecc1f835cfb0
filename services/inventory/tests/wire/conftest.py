"""The store behind the wire: one in memory, because what every store does is tested elsewhere."""

import pytest

from services.inventory.memory_store import MemoryStore
from services.inventory.store import InventoryStore


@pytest.fixture
def store() -> InventoryStore:
    return MemoryStore()
