"""One mesh of scripted services and one gateway for all tests of this folder; each test begins clean."""

from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.app import SERVICES
from gateway.tests.backend import Backend, gateway_over


@pytest.fixture(scope="session")
async def mesh() -> AsyncIterator[tuple[Backend, str]]:
    backend = Backend()
    async with gateway_over(SERVICES, backend) as url:
        yield backend, url


@pytest.fixture
def backend(mesh: tuple[Backend, str]) -> Backend:
    mesh[0].reset()
    return mesh[0]


@pytest.fixture
def url(mesh: tuple[Backend, str]) -> str:
    return mesh[1]


@pytest.fixture
async def anybody(backend: Backend, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    async with httpx.AsyncClient(base_url=url) as client:
        yield client


@pytest.fixture
async def root(backend: Backend, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an admin's token, who may call everything."""
    headers = {"authorization": f"Bearer {backend.issuer.admin()}"}
    async with httpx.AsyncClient(base_url=url, headers=headers) as client:
        yield client
