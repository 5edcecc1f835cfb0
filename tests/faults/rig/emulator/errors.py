"""How AWS says no.

::

    AwsError   an answer with a code
    Cut        no answer: the connection is aborted
"""

from dataclasses import dataclass


@dataclass(eq=False)
class AwsError(Exception):
    """An error as AWS answers it. ``query_code`` is what SQS's older protocol called it, and clients still see."""

    code: str
    message: str
    status: int = 400
    query_code: str = ""

    def __post_init__(self) -> None:
        super().__init__(self.code, self.message)


class Cut(Exception):
    """The connection of this request is to be aborted without an answer."""


def named(code: str, message: str) -> AwsError:
    """An error whose older name has SQS's prefix."""
    return AwsError(code, message, query_code=f"AWS.SimpleQueueService.{code}")


def queue_does_not_exist() -> AwsError:
    """No queue has that name."""
    message = "The specified queue does not exist."
    return AwsError("QueueDoesNotExist", message, query_code="AWS.SimpleQueueService.NonExistentQueue")


def invalid_parameter(message: str) -> AwsError:
    """A value that the model of the request allows, and SQS does not."""
    return AwsError("InvalidParameterValue", message)
