"""notifier.v1.NotifierService: translates, calls, translates."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.interceptors.chain import Context
from chassis.pages import Page, next_token, read_page, time_key, time_of_key
from chassis.violations import Violations
from ordermesh.notifier.v1 import notifier_service_pb2 as pb
from ordermesh.notifier.v1.notifier_service_pb2_grpc import NotifierServiceServicer
from services.notifier.notification import Kind, Notification, State
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

    def __init__(self, store: NotificationStore) -> None:
        self._store = store

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Context
    ) -> pb.ListNotificationsResponse:
        violations = Violations()
        page = read_page(request.page_size, request.page_token, (int, str), violations)
        violations.check()
        found = await self._store.list_page(request.order_id, page.size + 1, _position(page))
        shown = found[: page.size]
        return pb.ListNotificationsResponse(
            notifications=[notification_message(notification) for notification in shown],
            next_page_token=_token(shown[-1]) if len(found) > page.size else "",
        )


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


def _token(last: Notification) -> str:
    return next_token(time_key(last.create_time), last.notification_id)


def _position(page: Page) -> Position | None:
    if page.after is None:
        return None
    create_time, notification_id = page.after
    return Position(time_of_key(create_time), notification_id)
