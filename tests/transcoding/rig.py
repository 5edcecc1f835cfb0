"""Both transcoders over the same services, and every case asked of both."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from chassis.channels import open_channel
from chassis.server import Application, running_server
from chassis.testing import TEST_SERVER
from deploy.local.ports import HOST, free_ports
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor
from gateway.rules import read_rules
from gateway.tests.backend import Backend, gateway_to, listening
from tests.transcoding.answers import errors
from tests.transcoding.cases import Case
from tests.transcoding.comparison import Result, Service, ask
from tests.transcoding.contract import Contract, read_contract
from tests.transcoding.corpus import corpus
from tests.transcoding.envoy import envoy_process
from tests.transcoding.generated import cases_of


async def compare(binary: Path, state: StateDirectory) -> list[Result]:
    """Ask the gateway and the Envoy at ``binary`` everything, one case after the other.

    :raises StackError: when Envoy does not start.
    """
    contract = read_contract(state.data("contract"))
    backend = Backend()
    service = Service(backend, [method for service in contract.services.values() for method in service.methods])
    headers = {"authorization": f"Bearer {backend.issuer.admin()}"}
    async with (
        _backend_server(contract, backend) as address,
        _our_gateway(contract, address) as ours,
        _envoy(contract, address, binary, state) as envoys,
        aiohttp.ClientSession(headers=headers, trust_env=False) as client,
    ):
        return [
            Result(case, await ask(client, ours, service, case), await ask(client, envoys, service, case))
            for case in all_cases(contract)
        ]


def all_cases(contract: Contract) -> list[Case]:
    """Every case once. Streams are no transcoding of one message into another: Envoy's are a list."""
    rules = [rule for rule in read_rules(contract.services.values()) if not rule.method.server_streaming]

    def every() -> Iterator[Case]:
        for rule in rules:
            yield from cases_of(rule, rules)
        yield from corpus()
        yield from errors()

    return list({case.name: case for case in every()}.values())


@asynccontextmanager
async def _backend_server(contract: Contract, backend: Backend) -> AsyncIterator[str]:
    services = [backend.service(service) for service in contract.services.values()]
    async with running_server(TEST_SERVER, Application(services, backend.issuer.verifier), f"{HOST}:0") as port:
        yield f"{HOST}:{port}"


@asynccontextmanager
async def _our_gateway(contract: Contract, backend: str) -> AsyncIterator[str]:
    async with AsyncExitStack() as stack:
        channels = {
            name: await stack.enter_async_context(open_channel(backend, service, retries=False))
            for name, service in contract.services.items()
        }
        yield await stack.enter_async_context(listening(gateway_to(contract.services, channels)))


@asynccontextmanager
async def _envoy(contract: Contract, backend: str, binary: Path, state: StateDirectory) -> AsyncIterator[str]:
    services = [service.full_name for service in contract.services.values()]
    port = free_ports(["envoy"])["envoy"]
    async with Supervisor(state, print) as supervisor:
        await supervisor.start(envoy_process(binary, state.data("contract"), port, backend, services))
        yield f"http://{HOST}:{port}"
