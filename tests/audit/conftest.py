"""What the tests of the audit share."""

from collections.abc import AsyncIterator

import pytest

from bench.audit import Databases, open_databases
from tests.audit.scene import RIGHT


@pytest.fixture(scope="module")
async def audited(mongo_uri: str) -> AsyncIterator[Databases]:
    """One database for the collections of all services: the URI names it."""
    async with open_databases(mongo_uri.replace("/?", "/audited?")) as databases:
        yield databases
        await databases.client.drop_database("audited")


@pytest.fixture
async def databases(audited: Databases) -> Databases:
    """The data as it should be."""
    for (service, collection), documents in RIGHT.items():
        await audited[service][collection].delete_many({})
        await audited[service][collection].insert_many(documents)
    return audited
