"""Calls of inventory as admins and orders make them."""

from typing import Any

from chassis.testing import TestIssuer, bearer
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.types.v1.money_pb2 import Money

FINGERPRINT = "0" * 64
EUR_25 = Money(currency_code="EUR", minor_units=2_500)

issuer = TestIssuer()
ADMIN = bearer(issuer.admin())
ORDERS = bearer(issuer.service("orders"))


async def create(stub: Any, sku: str = "LAMP", stock: int = 10) -> pb.Item:
    request = pb.CreateItemRequest(sku=sku, name=sku.title(), unit_price=EUR_25, initial_stock=stock)
    item: pb.Item = await stub.CreateItem(request, metadata=ADMIN)
    return item


async def reserve(stub: Any, order_id: str, *lines: tuple[str, int], fingerprint: str = FINGERPRINT) -> Any:
    wanted = [pb.Line(sku=sku, quantity=quantity) for sku, quantity in lines]
    request = pb.ReserveStockRequest(order_id=order_id, fingerprint=fingerprint, lines=wanted)
    return await stub.ReserveStock(request, metadata=ORDERS)
