"""Every crash point of every service, read from the ports that declare them.

``python -m tests.faults.points`` prints them, one a line: what ``CRASH_POINTS_FILE`` takes.
"""

import sys
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from chassis.crash_points import Port

SERVICES = ("auth", "inventory", "orders", "notifier")


def modules_of(service: str) -> list[ModuleType]:
    """The modules of a service, without its tests."""
    package = import_module(f"services.{service}")
    names = [module.name for module in iter_modules(package.__path__) if module.name != "tests"]
    return [import_module(f"services.{service}.{name}") for name in names]


def ports_of(service: str) -> list[Port]:
    """The ports that a service declares, by name."""
    ports = {
        value.name: value
        for module in modules_of(service)
        for value in vars(module).values()
        if isinstance(value, Port)
    }
    return [ports[name] for name in sorted(ports)]


def all_points() -> dict[str, list[str]]:
    """The names of all points, by service."""
    return {service: [point for port in ports_of(service) for point in port.points] for service in SERVICES}


if __name__ == "__main__":
    sys.stdout.writelines(f"{point}\n" for points in all_points().values() for point in points)
