"""The queues that there are, and their attributes as SQS reads and writes them."""

import json
import re
from collections.abc import Mapping, Sequence

from tests.faults.rig.emulator.errors import AwsError, queue_does_not_exist
from tests.faults.rig.emulator.queue import VISIBILITY_SECONDS_DEFAULT, Queue

ACCOUNT = "123456789012"
REGION = "us-east-1"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_MESSAGE_SIZE_MAX = "1048576"
_DEFAULTS = {
    "DelaySeconds": "0",
    "MaximumMessageSize": _MESSAGE_SIZE_MAX,
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "VisibilityTimeout": str(VISIBILITY_SECONDS_DEFAULT),
}
_WRITABLE = frozenset({*_DEFAULTS, "RedrivePolicy"})
_COUNTS = {
    "ApproximateNumberOfMessages": "waiting",
    "ApproximateNumberOfMessagesNotVisible": "in_flight",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}


class Queues:
    """Found by name; a queue's URL ends with it. ``VisibilityTimeout`` and ``RedrivePolicy`` have an effect."""

    def __init__(self, endpoint_url: str) -> None:
        self._endpoint_url = endpoint_url
        self._queues: dict[str, Queue] = {}
        self._attributes: dict[str, dict[str, str]] = {}

    def create(self, name: str, attributes: Mapping[str, str]) -> Queue:
        """A new queue, or the one that is there already with these attributes.

        :raises AwsError: for a bad name or attribute, or when the queue is there with others.
        """
        if not _NAME.fullmatch(name):
            raise AwsError("InvalidParameterValue", "The specified queue name is not valid.")
        if queue := self._queues.get(name):
            known = self.attributes(queue, ["All"])
            if any(not _same(known.get(key, ""), value) for key, value in attributes.items()):
                message = "A queue already exists with the same name and a different value for an attribute."
                raise AwsError("QueueNameExists", message, query_code="QueueAlreadyExists")
            return queue
        queue = Queue(name, f"{self._endpoint_url}/{ACCOUNT}/{name}", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
        self._attributes[name] = {}
        self.set_attributes(queue, _DEFAULTS | dict(attributes))
        self._queues[name] = queue
        return queue

    def named(self, name: str) -> Queue:
        """:raises AwsError: when there is none."""
        queue = self._queues.get(name)
        if queue is None:
            raise queue_does_not_exist()
        return queue

    def at(self, url: str) -> Queue:
        """:raises AwsError: when there is none."""
        return self.named(url.rpartition("/")[2])

    def attributes(self, queue: Queue, names: Sequence[str]) -> dict[str, str]:
        """Those of ``names``, or all for ``All``.

        :raises AwsError: for a name that no queue has.
        """
        known = dict(self._attributes[queue.name])
        known |= {name: str(getattr(queue, count)) for name, count in _COUNTS.items()}
        known |= {"QueueArn": queue.arn, "VisibilityTimeout": f"{queue.visibility_seconds:g}"}
        if queue.dead_letters:
            policy = {"deadLetterTargetArn": queue.dead_letters.arn, "maxReceiveCount": queue.receive_count_max}
            known["RedrivePolicy"] = json.dumps(policy)
        if "All" in names:
            return known
        for name in names:
            if name not in known and name not in _WRITABLE:
                raise AwsError("InvalidAttributeName", f"Unknown Attribute {name}.")
        return {name: known[name] for name in names if name in known}

    def set_attributes(self, queue: Queue, attributes: Mapping[str, str]) -> None:
        """:raises AwsError: for an attribute that cannot be set, or a dead-letter queue that is not there."""
        for name in attributes:
            if name not in _WRITABLE:
                raise AwsError("InvalidAttributeName", f"Unknown Attribute {name}.")
        if "VisibilityTimeout" in attributes:
            queue.visibility_seconds = int(attributes["VisibilityTimeout"])
        if "RedrivePolicy" in attributes:
            self._set_redrive(queue, attributes["RedrivePolicy"])
        self._attributes[queue.name] |= {name: value for name, value in attributes.items() if name in _DEFAULTS}

    def close(self) -> None:
        """Stop the clocks of all queues."""
        for queue in self._queues.values():
            queue.close()

    def _set_redrive(self, queue: Queue, policy: str) -> None:
        if not policy:
            queue.dead_letters, queue.receive_count_max = None, 0
            return
        wanted = json.loads(policy)
        queue.dead_letters = self.named(wanted["deadLetterTargetArn"].rpartition(":")[2])
        queue.receive_count_max = int(wanted["maxReceiveCount"])


def _same(known: str, wanted: str) -> bool:
    """Policies are equal when they say the same, however they are written."""
    if known == wanted:
        return True
    try:
        return bool(json.loads(known) == json.loads(wanted))
    except ValueError:
        return False
