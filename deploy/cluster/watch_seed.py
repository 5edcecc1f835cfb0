"""``seed``: keeps demo users and stock in the mesh, also when its MongoDB comes back empty."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from chassis.channels import open_channel
from chassis.config import Environment, load_environment
from chassis.logs import configure_logging
from chassis.process import run
from chassis.tls import Tls
from deploy.cluster.credentials import PASSWORDS
from deploy.cluster.seed import is_stocked, seed
from deploy.cluster.watch import watch
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory_pb2

AUTH = auth_pb2.DESCRIPTOR.services_by_name["AuthService"]
INVENTORY = inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"]
EMAILS = ("ADMIN_EMAIL", "DEMO_EMAIL")


@dataclass(frozen=True)
class Seeds:
    """Where auth and inventory are, and whom to make. ``operator`` is the environment of auth's own commands."""

    auth_address: str
    inventory_address: str
    tls: Tls | None
    credentials: Mapping[str, str] = field(repr=False)
    operator: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, env: Environment, inherited: Mapping[str, str]) -> Self:
        """Read it; the operator's environment is what a process is given anyway (``inherited``), and MONGO_URI.

        :raises ConfigError: naming every key that is missing.
        """
        seeds = cls(
            auth_address=env.address("AUTH_ADDR", "dns:///localhost:50051"),
            inventory_address=env.address("INVENTORY_ADDR", "dns:///localhost:50053"),
            tls=Tls.read(env),
            credentials={key: env.text(key) for key in (*EMAILS, *PASSWORDS)},
            operator={**inherited, "MONGO_URI": env.text("MONGO_URI")},
        )
        env.check()
        return seeds


def main(parsed: argparse.Namespace) -> None:
    """Watch until the process is told to stop."""
    configure_logging("info", "json")
    run(lambda: watch_seed(Seeds.read(Environment(load_environment()), os.environ), parsed.health_port))


async def watch_seed(seeds: Seeds, health_port: int) -> None:
    """Keep users and stock there."""
    is_seeded = False

    async def put_right() -> None:
        nonlocal is_seeded
        async with (
            open_channel(seeds.auth_address, AUTH, seeds.tls) as auth,
            open_channel(seeds.inventory_address, INVENTORY, seeds.tls) as inventory,
        ):
            is_seeded = await is_stocked(inventory) and is_seeded
            if not is_seeded:
                await seed(auth, inventory, seeds.credentials, seeds.operator)
                is_seeded = True

    await watch("seed", put_right, health_port)
