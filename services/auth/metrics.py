"""What auth counts beside the audit log, which has the logins."""

from prometheus_client import Counter, Gauge

HASHES_PENDING = Gauge("ordermesh_auth_hashes_pending", "Passwords that are being hashed, or wait for it.")
HASHES_REFUSED = Counter(
    "ordermesh_auth_hashes_refused_total", "Passwords that were not hashed because too many waited."
)
