"""inventory.v1.InventoryService: translates, calls, translates."""

from chassis.call import caller, caller_or_none
from chassis.clock import Clock
from chassis.idempotency import key_from_metadata, mark_replayed
from chassis.interceptors.chain import Context
from chassis.pages import next_token, read_page
from chassis.violations import Violations
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceServicer
from services.inventory.adjust_stock import adjust_stock
from services.inventory.create_item import create_item, update_item
from services.inventory.decisions import Commit, Release
from services.inventory.errors import ItemNotFound, ReservationNotFound
from services.inventory.messages import item_message, money_from, reservation_message
from services.inventory.reservation import Line
from services.inventory.reserve_stock import check_order, reserve_stock
from services.inventory.store import InventoryStore
from services.inventory.writer import Writer


class InventoryServicer(InventoryServiceServicer):
    """See the contract for what each method does."""

    def __init__(self, store: InventoryStore, writer: Writer, clock: Clock, hold_seconds: float) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._hold_seconds = hold_seconds

    async def ListItems(self, request: pb.ListItemsRequest, context: Context) -> pb.ListItemsResponse:
        violations = Violations()
        page = read_page(request.page_size, request.page_token, (str,), violations)
        violations.check()
        items = await self._store.list_items(page)
        shown = [item_message(item, for_admin=_for_admin()) for item in items[: page.size]]
        token = next_token(shown[-1].sku) if len(items) > page.size else ""
        return pb.ListItemsResponse(items=shown, next_page_token=token)

    async def GetItem(self, request: pb.GetItemRequest, context: Context) -> pb.Item:
        item = await self._store.get_item(request.sku)
        if item is None:
            raise ItemNotFound(request.sku)
        return item_message(item, for_admin=_for_admin())

    async def CreateItem(self, request: pb.CreateItemRequest, context: Context) -> pb.Item:
        unit_price = money_from(request.unit_price) if request.HasField("unit_price") else None
        item = await create_item(
            self._store, request.sku, request.name, unit_price, request.initial_stock, caller().subject
        )
        return item_message(item, for_admin=True)

    async def UpdateItem(self, request: pb.UpdateItemRequest, context: Context) -> pb.Item:
        name = request.name if request.HasField("name") else None
        unit_price = money_from(request.unit_price) if request.HasField("unit_price") else None
        return item_message(await update_item(self._store, request.sku, name, unit_price), for_admin=True)

    async def AdjustStock(self, request: pb.AdjustStockRequest, context: Context) -> pb.Item:
        adjusted = await adjust_stock(
            self._writer,
            request.sku,
            request.delta,
            request.reason,
            request.request_id,
            key_from_metadata(context),
            caller().subject,
        )
        if adjusted.replayed:
            mark_replayed(context)
        return item_message(adjusted.item, for_admin=True)

    async def ReserveStock(self, request: pb.ReserveStockRequest, context: Context) -> pb.ReserveStockResponse:
        lines = [Line(line.sku, line.quantity) for line in request.lines]
        reserved = await reserve_stock(
            self._writer, self._clock, self._hold_seconds, request.order_id, request.fingerprint, lines
        )
        return pb.ReserveStockResponse(reservation=reservation_message(reserved.reservation), created=reserved.created)

    async def CommitReservation(self, request: pb.CommitReservationRequest, context: Context) -> pb.Reservation:
        _check(request.order_id, request.fingerprint)
        reserved = await self._writer.reserved(Commit(request.order_id, request.fingerprint))
        return reservation_message(reserved.reservation)

    async def ReleaseReservation(self, request: pb.ReleaseReservationRequest, context: Context) -> pb.Reservation:
        _check(request.order_id, request.fingerprint)
        reserved = await self._writer.reserved(Release(request.order_id, request.fingerprint))
        return reservation_message(reserved.reservation)

    async def GetReservation(self, request: pb.GetReservationRequest, context: Context) -> pb.Reservation:
        reservation = await self._store.get_reservation(request.order_id)
        if reservation is None:
            raise ReservationNotFound(request.order_id)
        return reservation_message(reservation)


def _for_admin() -> bool:
    identity = caller_or_none()
    return identity is not None and identity.is_admin


def _check(order_id: str, fingerprint: str) -> None:
    violations = Violations()
    check_order(order_id, fingerprint, violations)
    violations.check()
