"""Which processes a change concerns."""

from pathlib import Path

import pytest

from deploy.local.dev import concerned

RUNNING = ("mongod", "redis", "moto", "auth", "inventory", "orders", "orders-2", "notifier", "gateway")
MESH = ["auth", "inventory", "orders", "orders-2", "notifier", "gateway"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("services/orders/order.py", ["orders", "orders-2"]),
        ("services/notifier/templates/processed.html", ["notifier"]),
        ("gateway/router.py", ["gateway"]),
        ("chassis/server.py", MESH),
        ("clients/python/ordermesh/types/v1/money_pb2.py", MESH),
        ("deploy/local/stack.py", []),
    ],
)
def test_a_change_restarts_what_runs_that_code(path: str, names: list[str]) -> None:
    assert concerned([Path(path)], RUNNING) == names


def test_changes_in_two_places_restart_both() -> None:
    assert concerned([Path("services/auth/login.py"), Path("gateway/router.py")], RUNNING) == ["auth", "gateway"]
