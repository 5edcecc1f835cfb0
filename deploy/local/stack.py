"""The whole mesh: stores, services, gateway, and what is in them at the beginning."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from botocore.exceptions import BotoCoreError, ClientError

from chassis.aws import AwsConfig
from chassis.config import Environment
from deploy.cluster.credentials import PASSWORDS
from deploy.local.credentials import kept_secrets
from deploy.local.env_file import write_env_file
from deploy.local.errors import StackError
from deploy.local.mongod import mongod_process
from deploy.local.moto_server import moto_process, provision_queues
from deploy.local.ports import require_free
from deploy.local.process import Process, Report
from deploy.local.redis_server import redis_process
from deploy.local.seed import seed
from deploy.local.services import mesh_processes
from deploy.local.settings import SERVICES, Settings
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor


@dataclass(frozen=True)
class Stack:
    """A mesh that is ready. ``environment`` is what its ``env`` file says."""

    settings: Settings
    state: StateDirectory
    supervisor: Supervisor
    environment: Mapping[str, str]

    async def stop(self, name: str) -> None:
        """Stop a process gracefully; it stays stopped."""
        await self.supervisor[name].stop()

    async def start(self, name: str) -> None:
        """Start a process that was stopped, and wait until it is ready."""
        self.supervisor[name].start()
        await self.supervisor[name].wait_ready()

    async def kill(self, name: str) -> None:
        """Kill a process (SIGKILL). The supervisor starts it again: see :meth:`wait_ready`."""
        await self.supervisor[name].kill()

    async def wait_ready(self) -> None:
        """Wait until everything that is not stopped is ready."""
        await self.supervisor.wait_ready()


async def start_stack(settings: Settings, state: StateDirectory, supervisor: Supervisor, report: Report) -> Stack:
    """Start everything, seed it, and write the ``env`` file once all of it is ready.

    The caller holds the state directory's lock.

    :raises StackError: when something is in the way; nothing was started when it is a port or a program.
    """
    state.begin()
    require_free(settings.listening())
    stores = _own_stores(settings, state)
    secrets = kept_secrets(state)
    foreign = {"mongod": "MongoDB", "redis": "Redis", "moto": "SQS and SES"}
    for name in sorted(foreign.keys() - settings.own):
        report(f"{foreign[name]}: not started, the environment names another")
    await supervisor.start(*stores)
    settings = await _with_queue(settings, report)
    await supervisor.start(*mesh_processes(settings, secrets))
    environment = _addresses(settings)
    if settings.is_seeded:
        credentials = _credentials(settings, secrets)
        await seed(settings, credentials)
        environment |= credentials
    else:
        report("MONGO_URI is somebody else's: no users and no stock are made in it")
    write_env_file(state.env_file, environment)
    return Stack(settings, state, supervisor, environment)


def _own_stores(settings: Settings, state: StateDirectory) -> list[Process]:
    stores = []
    if "mongod" in settings.own:
        stores.append(mongod_process(settings.values, state, settings.ports["mongod"].number))
    if "redis" in settings.own:
        stores.append(redis_process(settings.values, state, settings.ports["redis"].number))
    if "moto" in settings.own:
        stores.append(moto_process(settings.values, settings.local_aws, settings.ports["moto"].number))
    return stores


async def _with_queue(settings: Settings, report: Report) -> Settings:
    """With an SQS that is not ours and no queue named in it, the queue is made there."""
    if "AWS_SQS_QUEUE_URL" in settings.aws:
        return settings
    try:
        queue, dead_letters = await provision_queues(AwsConfig.read(Environment(settings.aws)))
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"SQS has no queue for us ({error}): set AWS_SQS_QUEUE_URL") from error
    report(f"AWS_SQS_QUEUE_URL is not set: using {queue}")
    return replace(settings, aws={**settings.aws, "AWS_SQS_QUEUE_URL": queue, "AWS_SQS_DLQ_URL": dead_letters})


def _addresses(settings: Settings) -> dict[str, str]:
    return {
        "GATEWAY_URL": settings.gateway_url,
        **{f"{service.upper()}_ADDR": settings.address(service) for service in SERVICES},
        "MONGO_URI": settings.mongo_uri,
        "REDIS_URL": settings.redis_url,
        **settings.aws,
    }


def _credentials(settings: Settings, secrets: Mapping[str, str]) -> dict[str, str]:
    env = Environment(settings.values)
    passwords = {key: env.text(key, secrets[key]) for key in PASSWORDS}
    env.check()
    return {
        "ADMIN_EMAIL": settings.admin_email,
        "ADMIN_PASSWORD": passwords["ADMIN_PASSWORD"],
        "DEMO_EMAIL": settings.demo_email,
        "DEMO_PASSWORD": passwords["DEMO_PASSWORD"],
    }
