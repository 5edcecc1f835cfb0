"""What inventory counts."""

from prometheus_client import Counter, Gauge, Histogram

from services.inventory.reservation import State

RESERVATIONS = Counter(
    "ordermesh_inventory_reservations_total",
    "Reservations that came to a state, each change once however often it was asked for.",
    ("state",),
)
for _state in State:
    RESERVATIONS.labels(_state.value)  # an increase is only seen by who has seen the zero before it
REFUSALS = Counter(
    "ordermesh_inventory_refusals_total", "Decisions about stock that were refused, by reason.", ("reason",)
)
WAITING = Gauge("ordermesh_inventory_decisions_waiting", "Decisions about stock that wait for the writer.")
GROUP_DECISIONS = Histogram(
    "ordermesh_inventory_group_decisions",
    "How many decisions about stock shared a transaction.",
    buckets=(1, 2, 4, 8, 16, 32, 64),
)
GROUP_SECONDS = Histogram(
    "ordermesh_inventory_group_seconds",
    "How long a transaction about stock took, in seconds, with all its repetitions.",
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
