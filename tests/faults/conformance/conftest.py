"""What the tests of conformance share."""

from collections.abc import AsyncIterator
from random import Random

import pytest

from chassis.aws import open_aws_client
from deploy.local.moto_server import LocalAws
from tests.faults.conformance.cloud import LONG, Cloud
from tests.faults.rig.emulator import AwsEmulator, open_emulator


@pytest.fixture(scope="module")
async def emulator() -> AsyncIterator[AwsEmulator]:
    async with open_emulator(Random(1)) as emulator:
        yield emulator


@pytest.fixture(scope="module", params=["aws", "emulator"])
def there(request: pytest.FixtureRequest) -> LocalAws | AwsEmulator:
    """A moto server and the emulator, one after the other."""
    there: LocalAws | AwsEmulator = request.getfixturevalue(request.param)
    return there


@pytest.fixture(scope="module")
async def cloud(there: LocalAws | AwsEmulator) -> AsyncIterator[Cloud]:
    local = there.local if isinstance(there, AwsEmulator) else there
    async with (
        open_aws_client(local.config, "sqs", attempts_max=1, read_timeout_seconds=LONG + 5) as sqs,
        open_aws_client(local.config, "sesv2", attempts_max=1, read_timeout_seconds=LONG) as ses,
    ):
        yield Cloud(local, sqs, ses, is_like_aws=isinstance(there, AwsEmulator))
