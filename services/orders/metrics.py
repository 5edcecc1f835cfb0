"""What orders counts."""

from prometheus_client import Counter, Gauge

from services.orders.order import Status

MOVES = Counter(
    "ordermesh_orders_moves_total",
    "Orders that came to a status, each once however often it was asked for. PENDING: orders accepted.",
    ("status",),
)
for _status in Status:
    MOVES.labels(_status.value)  # an increase is only seen by who has seen the zero before it
REFUSALS = Counter("ordermesh_orders_refusals_total", "Orders that were not accepted, by reason.", ("reason",))
REPLAYS = Counter(
    "ordermesh_orders_replays_total", "CreateOrder answered with the order that an earlier call had placed."
)
EVENTS_PUBLISHED = Counter(
    "ordermesh_orders_events_published_total", "Events that the queue has confirmed; one may be published twice."
)
ORDERS_SWEPT = Counter(
    "ordermesh_orders_swept_total", "Orders that were not settled in time and were looked after by the sweep."
)
OUTBOX_ORDERS = Gauge(
    "ordermesh_orders_outbox_orders",
    "Orders with events that wait to be published; every replica says the same.",
)
OUTBOX_AGE = Gauge(
    "ordermesh_orders_outbox_age_seconds",
    "Age of the oldest event that waits to be published, in seconds; 0 when none does; every replica says the same.",
)
QUEUE_DEPTH = Gauge(
    "ordermesh_orders_queue_depth",
    "About how many messages waited in the queue when a relay or a sweep asked last, which is not often.",
)
CACHE_READS = Counter(
    "ordermesh_orders_cache_reads_total",
    "Reads of the cache of orders that have ended: hit, miss, failed, paused (Redis was not asked).",
    ("result",),
)
CACHE_PAUSED = Gauge(
    "ordermesh_orders_cache_paused", "1 from when Redis failed too often to be asked until it has answered again."
)
