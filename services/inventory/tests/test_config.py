"""Inventory's configuration."""

import pytest

from chassis.config import ConfigError
from services.inventory.config import InventoryConfig

MONGO = {"MONGO_URI": "mongodb://db/?replicaSet=rs0"}


def test_a_hold_lasts_a_quarter_of_an_hour_unless_it_is_said() -> None:
    assert InventoryConfig.from_environment(MONGO).hold_seconds == 900
    assert InventoryConfig.from_environment({**MONGO, "HOLD_SECONDS": "10"}).hold_seconds == 10


def test_every_wrong_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"GRPC_PORT.*MONGO_URI.*HOLD_SECONDS"):
        InventoryConfig.from_environment({"GRPC_PORT": "x", "HOLD_SECONDS": "0"})
