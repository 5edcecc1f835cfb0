"""The command says what it checked, what is wrong and what rest waits for."""

import os
from io import StringIO
from pathlib import Path

import pytest

from bench.audit import Databases
from bench.audit.__main__ import EXIT_BROKEN, NotAudited, audit
from deploy.local.console import Console
from deploy.local.env_file import read_env_file, write_env_file
from deploy.local.moto_server import LocalAws
from tests.audit.journal_file import FAULT, written
from tests.audit.scene import HOUR, NOON


@pytest.fixture
def env_file(databases: Databases, mongo_uri: str, aws: LocalAws, tmp_path: Path) -> Path:
    """What a stack with this data would say of itself. Its moto is younger than the data."""
    path = tmp_path / "env"
    write_env_file(path, {"MONGO_URI": mongo_uri.replace("/?", "/audited?"), **aws.environment})
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "moto.pid").write_text("1\n")
    os.utime(tmp_path / "run" / "moto.pid", times=((NOON + HOUR).timestamp(),) * 2)
    return path


async def test_the_command_says_what_it_checked(env_file: Path) -> None:
    printed = StringIO()

    code = await audit(env_file, None, 0.0, Console(printed))

    first, *_, last = printed.getvalue().splitlines()
    assert code == 0
    assert first.startswith("checked 1 items, 4 reservations, 3 orders, 3 notifications, 0 mails")
    assert last == "nothing is wrong"


async def test_the_command_names_what_is_wrong(databases: Databases, env_file: Path) -> None:
    printed = StringIO()
    await databases["inventory"]["items"].update_one({}, {"$set": {"sold": 3}})

    code = await audit(env_file, None, 0.0, Console(printed))

    assert code == EXIT_BROKEN
    assert "I1: LAMP has available 8, reserved 0, sold 3" in printed.getvalue()


async def test_the_command_says_what_rest_waits_for(databases: Databases, env_file: Path, tmp_path: Path) -> None:
    """Being busy is not wrong, unless rest was asked for."""
    printed = StringIO()
    await databases["orders"]["orders"].update_one({"_id": "sold"}, {"$set": {"sweep_due_time": NOON}})
    journal = written(tmp_path / "journal", FAULT)

    codes = [await audit(env_file, journal, wait_seconds, Console(printed)) for wait_seconds in (0.0, 0.1)]

    assert codes == [0, EXIT_BROKEN]
    assert "order sold is PROCESSED, and has sweep_due_time" in printed.getvalue()


async def test_the_command_says_that_mails_of_the_real_aws_cannot_be_read(env_file: Path) -> None:
    printed = StringIO()
    values = read_env_file(env_file)
    values["AWS_ENDPOINT_URL_SQS"] = values.pop("AWS_ENDPOINT_URL")
    write_env_file(env_file, values)

    assert await audit(env_file, None, 0.0, Console(printed)) == 0
    assert "mails are not checked: SES is the real one" in printed.getvalue()


async def test_the_command_says_that_no_stack_runs(tmp_path: Path) -> None:
    with pytest.raises(NotAudited, match="no stack runs here"):
        await audit(tmp_path / "env", None, 0.0, Console())
