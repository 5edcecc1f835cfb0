"""The contract as tests look at it: its services and their methods."""

from ordermesh.auth.v1 import auth_service_pb2
from ordermesh.inventory.v1 import inventory_service_pb2
from ordermesh.notifier.v1 import notifier_service_pb2
from ordermesh.orders.v1 import order_service_pb2

SERVICES = [
    auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"],
    inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"],
    order_service_pb2.DESCRIPTOR.services_by_name["OrderService"],
    notifier_service_pb2.DESCRIPTOR.services_by_name["NotifierService"],
]
METHODS = [method for service in SERVICES for method in service.methods]
