"""The limits in the contract's options are those that the services enforce."""

from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.json_format import MessageToDict

from chassis.idempotency import KEY_LENGTH_MAX
from ordermesh.options.v1 import options_pb2
from services.auth.email_address import EMAIL_LENGTH_MAX
from services.auth.new_password import PASSWORD_LENGTH_MIN
from services.auth.passwords import PASSWORD_LENGTH_MAX
from services.auth.refresh_tokens import REFRESH_TOKEN_LENGTH_MAX
from services.auth.user import NAME_LENGTH_MAX as USER_NAME_LENGTH_MAX
from services.inventory.item import CURRENCY_PATTERN, NAME_LENGTH_MAX, REASON_LENGTH_MAX, STOCK_MAX
from services.inventory.item import SKU_PATTERN as ITEM_SKU_PATTERN
from services.notifier.redrive import REDRIVE_COUNT_MAX
from services.orders.order import LINES_MAX, ORDER_ID_PATTERN, QUANTITY_MAX, SKU_PATTERN
from tests.contract import METHODS

KEY = {"pattern": rf"[\x21-\x7e]{{1,{KEY_LENGTH_MAX}}}"}
EMAIL = {"format": "email", "length_max": EMAIL_LENGTH_MAX}
PASSWORD = {"length_min": PASSWORD_LENGTH_MIN, "length_max": PASSWORD_LENGTH_MAX}
OLD_PASSWORD = {"length_min": 1, "length_max": PASSWORD_LENGTH_MAX}
REFRESH_TOKEN = {"length_min": 1, "length_max": REFRESH_TOKEN_LENGTH_MAX}
ITEM_NAME = {"length_min": 1, "length_max": NAME_LENGTH_MAX}
NOT_NEGATIVE = {"minimum": "0"}

ENFORCED = {
    "auth.v1.RegisterRequest.email": EMAIL,
    "auth.v1.LoginRequest.email": EMAIL,
    "auth.v1.RegisterRequest.password": PASSWORD,
    "auth.v1.RegisterRequest.name": {"length_max": USER_NAME_LENGTH_MAX},
    "auth.v1.LoginRequest.password": OLD_PASSWORD,
    "auth.v1.RefreshTokenRequest.refresh_token": REFRESH_TOKEN,
    "auth.v1.LogoutRequest.refresh_token": REFRESH_TOKEN,
    "auth.v1.ChangePasswordRequest.old_password": OLD_PASSWORD,
    "auth.v1.ChangePasswordRequest.new_password": PASSWORD,
    "auth.v1.IssueTicketRequest.order_id": {"pattern": ORDER_ID_PATTERN},
    "inventory.v1.ListItemsRequest.page_size": NOT_NEGATIVE,
    "inventory.v1.CreateItemRequest.sku": {"pattern": ITEM_SKU_PATTERN},
    "inventory.v1.CreateItemRequest.name": ITEM_NAME,
    "inventory.v1.CreateItemRequest.initial_stock": {"minimum": "0", "maximum": str(STOCK_MAX)},
    "inventory.v1.UpdateItemRequest.name": ITEM_NAME,
    "inventory.v1.AdjustStockRequest.delta": {"minimum": str(-STOCK_MAX), "maximum": str(STOCK_MAX)},
    "inventory.v1.AdjustStockRequest.reason": {"length_min": 1, "length_max": REASON_LENGTH_MAX},
    "inventory.v1.AdjustStockRequest.request_id": KEY,
    "orders.v1.CreateOrderRequest.items": {"count_min": 1, "count_max": LINES_MAX},
    "orders.v1.CreateOrderRequest.request_id": KEY,
    "orders.v1.OrderLine.sku": {"pattern": SKU_PATTERN},
    "orders.v1.OrderLine.quantity": {"minimum": "1", "maximum": str(QUANTITY_MAX)},
    "orders.v1.ListOrdersRequest.page_size": NOT_NEGATIVE,
    "orders.v1.WatchOrderRequest.after_version": NOT_NEGATIVE,
    "notifier.v1.ListNotificationsRequest.page_size": NOT_NEGATIVE,
    "notifier.v1.ListDeadLettersRequest.page_size": NOT_NEGATIVE,
    "notifier.v1.RedriveDeadLettersRequest.message_ids": {"count_max": REDRIVE_COUNT_MAX},
    "types.v1.Money.currency_code": {"pattern": CURRENCY_PATTERN},
}
"""By field. JSON has the numbers of 64 bits as texts."""


def test_limits_are_the_ones_that_are_enforced() -> None:
    declared: dict[str, Any] = {}
    for method in METHODS:
        collect(method.input_type, declared)

    assert declared == ENFORCED


def collect(message: Descriptor, declared: dict[str, Any]) -> None:
    for field in message.fields:
        options = field.GetOptions()
        if options.HasExtension(options_pb2.limits):
            limits = MessageToDict(options.Extensions[options_pb2.limits], preserving_proto_field_name=True)
            declared[field.full_name.removeprefix("ordermesh.")] = limits
        if field.message_type is not None:
            collect(field.message_type, declared)
