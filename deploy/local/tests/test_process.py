"""Keeping processes alive."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deploy.local.errors import StackError
from deploy.local.process import KeptAlive, Process
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor

SLEEPER = ("sleep", "600")
PATIENCE_SECONDS = 10.0


class Rig:
    """A supervisor in a directory of its own, and what it reported."""

    def __init__(self, directory: Path) -> None:
        self.said: list[str] = []
        self.state = StateDirectory(directory)
        self.supervisor = Supervisor(self.state, self.said.append)

    def process(self, name: str, *command: str) -> Process:
        async def is_there() -> None:
            if not self.state.pid_file(name).exists():
                raise ConnectionError

        return Process(name, command, {"PATH": os.environ["PATH"]}, is_there)

    async def start(self, name: str, *command: str) -> KeptAlive:
        await self.supervisor.start(self.process(name, *command))
        return self.supervisor[name]

    async def spoke(self, name: str) -> None:
        await until(lambda: bool(self.state.log_tail(name, 1)))


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    async with rig.supervisor:
        yield rig


async def test_a_process_that_dies_is_started_again_and_said_so(rig: Rig) -> None:
    sleeper = await rig.start("sleeper", *SLEEPER)
    first = sleeper.pid

    await sleeper.kill()
    await sleeper.wait_ready()

    assert sleeper.pid not in {None, first}
    assert rig.said == ["sleeper was killed by SIGKILL and is started again"]
    assert rig.state.pid_file("sleeper").read_text() == f"{sleeper.pid}\n"


async def test_it_is_prepared_after_each_start(rig: Rig) -> None:
    prepared = []

    async def prepare() -> None:
        prepared.append("queues")

    plain = rig.process("moto", *SLEEPER)
    await rig.supervisor.start(Process(plain.name, plain.command, plain.environment, plain.probe, prepare))
    await rig.supervisor["moto"].kill()
    await rig.supervisor.wait_ready()

    assert prepared == ["queues", "queues"]


async def test_a_process_that_was_stopped_stays_stopped_until_it_is_started(rig: Rig) -> None:
    sleeper = await rig.start("sleeper", *SLEEPER)

    await sleeper.stop()

    assert sleeper.pid is None
    assert not rig.state.pid_file("sleeper").exists()
    assert rig.said == []
    sleeper.start()
    await sleeper.wait_ready()
    assert sleeper.pid is not None


async def test_a_process_that_does_not_end_in_time_is_killed(rig: Rig) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    process = await rig.start("deaf", sys.executable, "-c", deaf)
    await rig.spoke("deaf")

    await process.stop(seconds_max=0.1)

    assert process.pid is None
    assert rig.said == ["deaf did not end within 0 s and is killed"]


async def test_a_configuration_error_ends_everything_with_its_line(rig: Rig) -> None:
    broken = "echo starting >&2; echo 'configuration: JWT_SECRET is missing' >&2; exit 78"

    with pytest.raises(StackError, match="auth: configuration: JWT_SECRET is missing"):
        await rig.supervisor.start(Process("auth", ("sh", "-c", broken), {"PATH": os.environ["PATH"]}, never_ready))


async def test_a_later_configuration_error_is_seen_too(rig: Rig) -> None:
    flag = rig.state.data("flags") / "broken"
    await rig.start("auth", "sh", "-c", f"test -e {flag} && exit 78; exec sleep 600")
    flag.touch()
    await rig.supervisor["auth"].kill()

    with pytest.raises(StackError, match="auth: "):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await rig.supervisor.wait_failed()


async def test_processes_are_stopped_in_reverse(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    order = tmp_path / "order"
    async with rig.supervisor:
        for name in ("mongod", "orders", "gateway"):
            trap = f"trap 'echo {name} >> {order}; exit' TERM; echo trapped; while :; do sleep 0.02; done"
            await rig.start(name, "sh", "-c", trap)
            await rig.spoke(name)

    assert order.read_text().split() == ["gateway", "orders", "mongod"]


async def test_a_process_sees_only_what_it_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGO_URI", "mongodb://somebody-else/")
    process = Process("env", ("env",), {"GREETING": "hello", "PATH": os.environ["PATH"]}, never_ready)
    starting = asyncio.create_task(rig.supervisor.start(process))
    await rig.spoke("env")
    starting.cancel()

    log = rig.state.log_file("env").read_text()
    assert "GREETING=hello" in log
    assert "MONGO_URI" not in log


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
async def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    supervising = f"""
import asyncio
from pathlib import Path
from deploy.local.tests.test_process import Rig, SLEEPER
async def main():
    rig = Rig(Path({str(tmp_path)!r}))
    async with rig.supervisor:
        print((await rig.start("sleeper", *SLEEPER)).pid, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", supervising, stdout=asyncio.subprocess.PIPE)
    assert supervisor.stdout is not None
    sleeper = int(await asyncio.wait_for(supervisor.stdout.readline(), PATIENCE_SECONDS))

    supervisor.send_signal(signal.SIGKILL)
    await supervisor.wait()

    await until(lambda: not is_running(sleeper))


async def until(happened: Callable[[], bool]) -> None:
    """Wait for what another process does to files and processes: nothing in this one tells."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not happened():
            await asyncio.sleep(0.01)


async def never_ready() -> None:
    raise ConnectionError


def is_running(pid: int) -> bool:
    """Whether the process runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
