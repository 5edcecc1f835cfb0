"""Ports: taken ones are named with what moves them."""

import socket

import pytest

from chassis.config import Environment
from deploy.local.errors import StackError
from deploy.local.ports import PORT_VARIABLES, Port, free_ports, read_ports, require_free, variables_of


def test_a_taken_port_is_named_with_the_variable_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]

        with pytest.raises(StackError, match=f"port {number} is taken: set MONGO_PORT to another one"):
            require_free([Port("MONGO_PORT", number)])


def test_every_taken_port_is_named_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        with pytest.raises(StackError) as refused:
            require_free([Port("PORT", one.getsockname()[1]), Port("REDIS_PORT", other.getsockname()[1])])

        assert "set PORT" in str(refused.value)
        assert "set REDIS_PORT" in str(refused.value)


def test_a_port_given_to_two_processes_is_refused() -> None:
    number = free_ports(["gateway"])["gateway"]

    with pytest.raises(StackError, match="given twice: change PORT or MOTO_PORT"):
        require_free([Port("PORT", number), Port("MOTO_PORT", number)])


def test_free_ports_are_free_and_can_be_handed_on_as_environment() -> None:
    numbers = free_ports(PORT_VARIABLES)

    ports = read_ports(Environment(variables_of(numbers)))

    assert {name: port.number for name, port in ports.items()} == numbers
    require_free(ports.values())
