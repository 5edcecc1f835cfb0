"""The emulator as its clients and the rig see it: HTTP on a port of this machine, and what went through it."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from socket import create_server, socket
from uuid import uuid4

from aiohttp import web

from deploy.cluster.queues import RECEIVE_COUNT_MAX, RETENTION_SECONDS, VISIBILITY_SECONDS
from deploy.local.moto_server import DEAD_LETTER_QUEUE, QUEUE, LocalAws
from deploy.local.ports import HOST
from tests.faults.rig.emulator.faults import Dice, Faults
from tests.faults.rig.emulator.mails import SentMail
from tests.faults.rig.emulator.message import new_message
from tests.faults.rig.emulator.queue import Queue
from tests.faults.rig.emulator.queues import Queues
from tests.faults.rig.emulator.service import Service
from tests.faults.rig.emulator.ses import Ses
from tests.faults.rig.emulator.sqs import Sqs, Traffic

KEEPALIVE_SECONDS = 3600.0
"""Connections are cut by faults, never by age."""

SHUTDOWN_SECONDS = 0.1
REQUEST_BYTES_MAX = 16_777_216
"""More than a message may have: SQS itself refuses what is too long."""

BACKLOG = 1024
"""Clients that have not been accepted yet; the emulator shares its event loop with the rig's load."""


@dataclass(frozen=True)
class AwsEmulator:
    """SQS and SES with a queue, its dead-letter queue and a verified sender.

    ``traffic`` is what went through ``queue``; ``injected`` counts each fault that happened. ``mails`` are those that
    SES accepted, ``mail_requests`` all that it was asked to send.
    """

    local: LocalAws
    faults: Faults
    queue: Queue
    dead_letters: Queue
    mails: list[SentMail]
    mail_requests: list[SentMail]
    traffic: Traffic
    injected: Counter[str]

    @property
    def environment(self) -> Mapping[str, str]:
        """The ``AWS_*`` keys that a process finds it with."""
        return self.local.environment

    def send(self, body: str) -> str:
        """Put a message into the queue as a stranger would, who is not counted; its id."""
        message = new_message(str(uuid4()), body, {})
        self.queue.add(message)
        return message.message_id


@asynccontextmanager
async def open_emulator(random: Random) -> AsyncIterator[AwsEmulator]:
    """Serve on a free port, in this event loop. What is random in it comes from ``random``."""
    with create_server((HOST, 0), backlog=BACKLOG) as listener:
        local = LocalAws(f"http://{HOST}:{listener.getsockname()[1]}")
        dice, queues = Dice(Faults(), random), Queues(local.endpoint_url)
        queue, dead_letters = provision(queues)
        traffic = Traffic(queue)
        ses = Ses(dice)
        ses.create_identity(local.sender_email)
        service = Service(Sqs(queues, dice, traffic), ses, dice)
        async with serving(service, queues, listener):
            yield AwsEmulator(
                local=local,
                faults=dice.faults,
                queue=queue,
                dead_letters=dead_letters,
                mails=ses.mails,
                mail_requests=ses.mail_requests,
                traffic=traffic,
                injected=dice.injected,
            )


@asynccontextmanager
async def serving(service: Service, queues: Queues, listener: socket) -> AsyncIterator[None]:
    """``service`` on a socket that listens. A client that leaves ends what waits for it."""
    loop = asyncio.get_running_loop()
    server = web.Server(
        service.handle,
        request_factory=partial(web.BaseRequest, loop=loop, client_max_size=REQUEST_BYTES_MAX),
        handler_cancellation=True,
        keepalive_timeout=KEEPALIVE_SECONDS,
        access_log=None,
    )
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await service.close()
        queues.close()
        await runner.cleanup()


def provision(queues: Queues) -> tuple[Queue, Queue]:
    """What :func:`deploy.local.moto_server.provision_queues` makes, without asking over the network."""
    retention = {"MessageRetentionPeriod": str(RETENTION_SECONDS)}
    dead_letters = queues.create(DEAD_LETTER_QUEUE, retention)
    redrive = {"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": RECEIVE_COUNT_MAX}
    attributes = retention | {"VisibilityTimeout": str(VISIBILITY_SECONDS), "RedrivePolicy": json.dumps(redrive)}
    return queues.create(QUEUE, attributes), dead_letters
