"""notifier.v1.NotifierService: translates, calls, translates."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.clock import Clock
from chassis.interceptors.chain import Context
from chassis.pages import Page, fitting, next_token, read_page, time_key, time_of_key
from chassis.violations import Violations
from ordermesh.notifier.v1 import notifier_service_pb2 as pb
from ordermesh.notifier.v1.notifier_service_pb2_grpc import NotifierServiceServicer
from services.notifier.dead_letter_messages import (
    dead_letter_message,
    read_message_ids,
    read_state,
    redriven_message,
)
from services.notifier.dead_letter_store import DeadLetterStore, LetterPosition
from services.notifier.delete_dead_letter import delete_dead_letter
from services.notifier.notification import Kind, Notification, State
from services.notifier.redrive import Redriver
from services.notifier.store import NotificationStore, Position

KINDS = {
    Kind.PROCESSED: pb.Notification.PROCESSED,
    Kind.FAILED: pb.Notification.FAILED,
    Kind.CANCELLED: pb.Notification.CANCELLED,
}
STATES = {
    State.SENDING: pb.Notification.SENDING,
    State.SENT: pb.Notification.SENT,
    State.FAILED_PERMANENTLY: pb.Notification.FAILED_PERMANENTLY,
}


class NotifierServicer(NotifierServiceServicer):
    """See the contract for what each method does."""

    def __init__(self, store: NotificationStore, letters: DeadLetterStore, redriver: Redriver, clock: Clock) -> None:
        self._store = store
        self._letters = letters
        self._redriver = redriver
        self._clock = clock

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Context
    ) -> pb.ListNotificationsResponse:
        violations = Violations()
        page = read_page(request.page_size, request.page_token, (int, str), violations)
        violations.check()
        after = Position(*_sort_key(page)) if page.after else None
        found = await self._store.list_page(request.order_id, page.size + 1, after)
        shown = found[: page.size]
        return pb.ListNotificationsResponse(
            notifications=[notification_message(notification) for notification in shown],
            next_page_token=_token(shown[-1].create_time, shown[-1].notification_id) if len(found) > page.size else "",
        )

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, context: Context) -> pb.ListDeadLettersResponse:
        violations = Violations()
        page = read_page(request.page_size, request.page_token, (int, str), violations)
        state = read_state(request.state, violations)
        violations.check()
        after = LetterPosition(*_sort_key(page)) if page.after else None
        found = await self._letters.list_page(state, page.size + 1, after)
        shown = fitting([dead_letter_message(letter) for letter in found[: page.size]])
        last = found[len(shown) - 1] if len(shown) < len(found) else None
        token = _token(last.create_time, last.message_id) if last else ""
        return pb.ListDeadLettersResponse(dead_letters=shown, next_page_token=token)

    async def RedriveDeadLetters(
        self, request: pb.RedriveDeadLettersRequest, context: Context
    ) -> pb.RedriveDeadLettersResponse:
        message_ids = read_message_ids(request)
        redriver = self._redriver
        return redriven_message(await (redriver.redrive_oldest() if request.all else redriver.redrive(message_ids)))

    async def DeleteDeadLetter(
        self, request: pb.DeleteDeadLetterRequest, context: Context
    ) -> pb.DeleteDeadLetterResponse:
        await delete_dead_letter(self._letters, self._clock, request.message_id)
        return pb.DeleteDeadLetterResponse()


def notification_message(notification: Notification) -> pb.Notification:
    """A notification as the contract has it."""
    return pb.Notification(
        notification_id=notification.notification_id,
        order_id=notification.order_id,
        kind=KINDS[notification.kind],
        state=STATES[notification.state],
        attempts=notification.attempts,
        message_id=notification.message_id,
        failure_reason=notification.failure_reason,
        create_time=_timestamp(notification.create_time),
        send_time=None if notification.send_time is None else _timestamp(notification.send_time),
    )


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


def _token(create_time: datetime, row_id: str) -> str:
    return next_token(time_key(create_time), row_id)


def _sort_key(page: Page) -> tuple[datetime, str]:
    assert page.after is not None, "asked for only where there is one"
    create_time, row_id = page.after
    return time_of_key(create_time), row_id
