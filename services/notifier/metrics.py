"""What the notifier counts."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter(
    "ordermesh_notifier_messages_total", "Deliveries by their end: done, given_back, refused, crashed.", ("outcome",)
)
MAILS = Counter(
    "ordermesh_notifier_mails_total",
    "Attempts to send, by kind: sent, refused (for good), not_taken (now), unknown (SES may have taken it).",
    ("kind", "result"),
)
MAILS_REPEATED = Counter(
    "ordermesh_notifier_mails_repeated_total",
    "Mails sent although the try before may have sent one: the customer may have two.",
)
MARKS_LOST = Counter(
    "ordermesh_notifier_marks_lost_total",
    "Mails that SES accepted and that could not be recorded: the customer will have two.",
)
QUEUE_LAG = Histogram(
    "ordermesh_notifier_queue_lag_seconds",
    "From SQS's taking a message to its first delivery, in seconds, by SQS's clock and ours.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
)
ACCEPT_TO_MAIL = Histogram(
    "ordermesh_notifier_accept_to_mail_seconds",
    "From placing an order to SES's accepting its mail, in seconds, by kind; cancelled: the customer took that time.",
    ("kind",),
    buckets=(0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
)
IN_FLIGHT = Gauge("ordermesh_notifier_messages_in_flight", "Messages received and not yet done or given back.")
PAUSED = Gauge("ordermesh_notifier_paused", "1 while a dependency is down and nothing is received.")
DEAD_LETTERS = Gauge(
    "ordermesh_notifier_dead_letters", "Dead letters that wait to be redriven or deleted; every replica says the same."
)
DEAD_LETTERS_KEPT = Counter(
    "ordermesh_notifier_dead_letters_kept_total", "Messages that became dead letters, by why.", ("reason",)
)
DEAD_LETTERS_REDRIVEN = Counter(
    "ordermesh_notifier_dead_letters_redriven_total", "Dead letters that were sent to the queue again."
)
