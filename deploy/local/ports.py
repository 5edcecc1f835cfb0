"""Which port each process listens on, and whether it is free."""

import random
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from chassis.config import Environment
from deploy.local.errors import StackError

HOST = "127.0.0.1"

PORT_VARIABLES = {
    "mongod": ("MONGO_PORT", 27117),
    "redis": ("REDIS_PORT", 6479),
    "moto": ("MOTO_PORT", 5555),
    "auth": ("AUTH_GRPC_PORT", 50051),
    "orders": ("ORDERS_GRPC_PORT", 50052),
    "inventory": ("INVENTORY_GRPC_PORT", 50053),
    "notifier": ("NOTIFIER_GRPC_PORT", 50054),
    "gateway": ("PORT", 5000),
}
"""For each process the variable that moves its port, and the port when it is not set."""

FREE_PORTS = range(15_000, 32_000)
"""Below what Linux gives to outgoing connections, so that none of those takes a port first."""


@dataclass(frozen=True)
class Port:
    """A port and the variable that moves it."""

    variable: str
    number: int


def read_ports(env: Environment) -> dict[str, Port]:
    """The port of each process."""
    return {name: Port(variable, env.port(variable, default)) for name, (variable, default) in PORT_VARIABLES.items()}


def read_metrics_ports(env: Environment, names: Iterable[str]) -> dict[str, Port]:
    """The port that each process shows its metrics on, if the environment gives it one."""
    variables = {name: metrics_variable(name) for name in names}
    return {name: Port(key, env.port(key, 9090)) for name, key in variables.items() if env.optional(key)}


def metrics_variable(name: str) -> str:
    """The variable that gives a process's metrics a port."""
    return f"{name.upper()}_METRICS_PORT"


def require_free(ports: Iterable[Port]) -> None:
    """Make sure that nobody listens on ``ports`` yet.

    :raises StackError: naming every taken port with the variable that moves it.
    """
    variables: dict[int, str] = {}
    problems = []
    for port in ports:
        if port.number in variables:
            problems.append(f"port {port.number} is given twice: change {variables[port.number]} or {port.variable}")
        elif not _is_free(port.number):
            problems.append(f"port {port.number} is taken: set {port.variable} to another one")
        variables.setdefault(port.number, port.variable)
    if problems:
        raise StackError("; ".join(problems))


def free_ports(names: Iterable[str], steps: Sequence[int] = (0,)) -> dict[str, int]:
    """Ports that are free now, one for each name; all that lie ``steps`` behind one are free too."""
    chosen: dict[str, int] = {}
    with ExitStack() as held:
        for name in names:
            while name not in chosen:
                number = random.choice(FREE_PORTS)  # nosec B311 # noqa: S311 - nothing secret about a port
                with suppress(OSError), ExitStack() as these:
                    for step in steps:
                        these.enter_context(_listening(number + step))
                    held.push(these.pop_all())
                    chosen[name] = number
    return chosen


def variables_of(numbers: Mapping[str, int]) -> dict[str, str]:
    """The environment that puts each process on its port."""
    return {PORT_VARIABLES[name][0]: str(number) for name, number in numbers.items()}


def _is_free(number: int) -> bool:
    try:
        _listening(number).close()
    except OSError:
        return False
    return True


def _listening(number: int) -> socket.socket:
    return socket.create_server((HOST, number))
