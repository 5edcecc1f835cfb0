"""Every external effect has a crash point on both sides: nothing leaves a service but through a declared port."""

import ast
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chassis.crash_points import Port
from services.orders import app as orders_app
from tests.faults.points import SERVICES, all_points, modules_of, ports_of

IN_MEMORY = "memory_"
"""The modules of adapters that have no outside; they are not production's."""

DRIVERS = {"aioboto3", "botocore", "pymongo", "redis"}
CALLING = {
    *("call", "call_as", "open_aws_client"),
    *("Database", "open_database", "open_redis", "open_redis_counts", "RedisCounts"),
}
"""What takes a process outside besides its drivers and the stubs of other services."""

COMPOSITION = {"app"}


def is_protocol(value: object) -> bool:
    return isinstance(value, type) and bool(getattr(value, "_is_protocol", False))


def methods_of(protocol: type) -> list[str]:
    return [name for name, value in vars(protocol).items() if inspect.isfunction(value) and not name.startswith("_")]


def production_modules(service: str) -> list[ModuleType]:
    return [module for module in modules_of(service) if not short(module).startswith(IN_MEMORY)]


def short(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def tree_of(module: ModuleType) -> ast.Module:
    assert module.__file__ is not None
    return ast.parse(Path(module.__file__).read_text())


def port_behind(value: object, ports: Iterable[Port]) -> Port | None:
    """The port that a class is an adapter of: it has all of its methods."""
    if not isinstance(value, type) or is_protocol(value):
        return None
    return next((port for port in ports if all(hasattr(value, name) for name in methods_of(port.protocol))), None)


def bare_adapters(tree: ast.Module, names: Mapping[str, Any], ports: list[Port]) -> list[str]:
    """Where an adapter is made that is not handed to ``around`` with its port at once."""
    bare = []
    wrapped = {
        id(call.args[0]): names.get(call.args[1].id)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "around"
        and isinstance(call.args[1], ast.Name)
    }
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            port = port_behind(names.get(call.func.id), ports)
            if port is not None and wrapped.get(id(call)) is not port:
                bare.append(f"line {call.lineno}: {call.func.id}")
    return bare


def goes_outside(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name.partition(".")[0] in DRIVERS for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and (
            (node.module or "").partition(".")[0] in DRIVERS
            or any(alias.name in CALLING or alias.name.endswith("ServiceStub") for alias in node.names)
        ):
            return True
    return False


@pytest.mark.parametrize("service", SERVICES)
def test_every_protocol_of_a_service_is_a_declared_port(service: str) -> None:
    protocols = {
        value
        for module in modules_of(service)
        for value in vars(module).values()
        if is_protocol(value) and value.__module__.startswith("services.")
    }

    assert {port.protocol for port in ports_of(service)} == protocols


@pytest.mark.parametrize(
    "port", [port for service in SERVICES for port in ports_of(service)], ids=lambda port: port.name
)
def test_every_method_of_a_port_is_said_to_be_an_effect_or_a_read(port: Port) -> None:
    assert sorted(port.effects + port.reads) == sorted(methods_of(port.protocol))


@pytest.mark.parametrize("service", SERVICES)
def test_the_points_of_a_service_bear_its_name_and_are_unique(service: str) -> None:
    points = all_points()[service]

    assert len(set(points)) == len(points) > 0
    assert all(point.startswith(f"{service}.") for point in points)


@pytest.mark.parametrize("service", SERVICES)
def test_every_adapter_that_a_service_makes_has_its_points_around_it(service: str) -> None:
    ports = ports_of(service)
    adapted = {port_behind(value, ports) for module in production_modules(service) for value in vars(module).values()}
    bare = {
        module.__name__: found
        for module in production_modules(service)
        if (found := bare_adapters(tree_of(module), vars(module), ports))
    }

    assert bare == {}
    assert adapted - {None} == set(ports)


@pytest.mark.parametrize("service", SERVICES)
def test_only_adapters_and_the_composition_root_can_reach_outside(service: str) -> None:
    ports = ports_of(service)
    outside = {short(module) for module in production_modules(service) if goes_outside(tree_of(module))}
    adapters = {
        short(module)
        for module in production_modules(service)
        for value in vars(module).values()
        if port_behind(value, ports) and value.__module__ == module.__name__
    }

    assert outside - COMPOSITION <= adapters


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("queue = around(SqsQueue(sqs, url), QUEUE_PORT)", []),
        ("queue = SqsQueue(sqs, url)", ["line 1: SqsQueue"]),
        ("queue = around(SqsQueue(sqs, url), STOCK_PORT)", ["line 1: SqsQueue"]),
        ("relay = Relay(store, SqsQueue(sqs, url), clock)", ["line 1: SqsQueue"]),
    ],
)
def test_an_adapter_without_its_points_is_noticed(line: str, bare: list[str]) -> None:
    assert bare_adapters(ast.parse(line), vars(orders_app), ports_of("orders")) == bare


@pytest.mark.parametrize(
    "line",
    [
        "from pymongo import UpdateOne",
        "from chassis.mongo import Database",
        "from chassis.redis import open_redis",
        "from chassis.redis_counts import RedisCounts",
        "from chassis.aws import open_aws_client",
        "from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceStub",
    ],
)
def test_what_can_reach_outside_is_noticed_by_what_it_imports(line: str) -> None:
    assert goes_outside(ast.parse(line))
