"""The audit: what must hold of the data, the queue, the mails and what clients were told, whatever happened.

``unsettled`` says what rest still waits for, ``always`` checks what must hold at every moment, ``at_rest`` all of it.
"""

from bench.audit.checks import Check
from bench.audit.databases import Databases, open_databases
from bench.audit.journal import read_journal
from bench.audit.mails import MailRecord
from bench.audit.queues import QueueDepths, Queues, open_queues
from bench.audit.rest import unsettled
from bench.audit.verdict import Evidence, Report, always, at_rest, broken

__all__ = [
    "Check",
    "Databases",
    "Evidence",
    "MailRecord",
    "QueueDepths",
    "Queues",
    "Report",
    "always",
    "at_rest",
    "broken",
    "open_databases",
    "open_queues",
    "read_journal",
    "unsettled",
]
