"""Dead letters between the contract's words and ours."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.violations import Violations
from ordermesh.notifier.v1 import notifier_service_pb2 as pb
from services.notifier.dead_letter import DeadLetter, State
from services.notifier.redrive import REDRIVE_COUNT_MAX, NotSent, Redriven

STATES = {
    State.DEAD: pb.DeadLetter.DEAD,
    State.REDRIVING: pb.DeadLetter.REDRIVING,
    State.REDRIVEN: pb.DeadLetter.REDRIVEN,
}
"""A DELETED one is nobody's business any more."""

REASONS = {
    NotSent.NOT_FOUND: pb.RedriveFailure.NOT_FOUND,
    NotSent.ALREADY_REDRIVEN: pb.RedriveFailure.ALREADY_REDRIVEN,
    NotSent.BEING_REDRIVEN: pb.RedriveFailure.BEING_REDRIVEN,
    NotSent.QUEUE_REFUSED: pb.RedriveFailure.QUEUE_REFUSED,
    NotSent.QUEUE_UNAVAILABLE: pb.RedriveFailure.QUEUE_UNAVAILABLE,
}


def read_state(state: "pb.DeadLetter.State.ValueType", violations: Violations) -> State | None:
    """The state that a list is asked for; None for all."""
    if state == pb.DeadLetter.STATE_UNSPECIFIED:
        return None
    known = next((own for own, theirs in STATES.items() if theirs == state), None)
    violations.require(known is not None, "state", "must be DEAD, REDRIVING or REDRIVEN")
    return known


def read_message_ids(request: pb.RedriveDeadLettersRequest) -> list[str]:
    """The dead letters that a request names, each once; none when it asks for all.

    :raises InvalidArgument: when it names too many, or when it does not say what it wants.
    """
    violations = Violations()
    violations.require(
        len(request.message_ids) <= REDRIVE_COUNT_MAX, "message_ids", f"must be at most {REDRIVE_COUNT_MAX}"
    )
    if request.all:
        violations.require(not request.message_ids, "message_ids", "must not be given with `all`")
    else:
        violations.require(bool(request.message_ids), "message_ids", "must be given unless `all` is true")
    violations.check()
    return list(dict.fromkeys(request.message_ids))


def dead_letter_message(letter: DeadLetter) -> pb.DeadLetter:
    """A dead letter as the contract has it."""
    return pb.DeadLetter(
        message_id=letter.message_id,
        state=STATES[letter.state],
        reason=letter.reason,
        description=letter.description,
        attempts=letter.attempts,
        body=letter.body,
        body_bytes=letter.body_bytes,
        attributes=letter.attributes,
        create_time=_timestamp(letter.create_time),
        redrive_time=None if letter.redrive_time is None else _timestamp(letter.redrive_time),
        redrive_message_id=letter.redrive_message_id,
    )


def redriven_message(redriven: Redriven) -> pb.RedriveDeadLettersResponse:
    """What became of a call as the contract has it."""
    return pb.RedriveDeadLettersResponse(
        sent_count=redriven.sent_count,
        failures=[
            pb.RedriveFailure(message_id=message_id, reason=REASONS[why], description=why)
            for message_id, why in redriven.failures.items()
        ],
        has_more=redriven.has_more,
    )


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
