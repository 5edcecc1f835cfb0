"""The names of what is checked. Each finding begins with one, so that a test can say which it expects."""

from enum import StrEnum


class Check(StrEnum):
    """What must hold; I1 to I6 are the invariants of docs/ARCHITECTURE.md."""

    I1 = "I1"
    """Stock adds up, nothing is below 0, and no more is sold than was ever added."""
    I2 = "I2"
    """A customer's idempotency key stands for at most one order."""
    I3 = "I3"
    """An order that was acknowledged exists as it was acknowledged, stays, and ends."""
    I4 = "I4"
    """Orders and reservations agree, line by line."""
    I5 = "I5"
    """Each order that ended has one notification of its kind, which has come to its end; without a fault, one mail."""
    I6 = "I6"
    """At rest nothing waits in an outbox or in the queue."""
    HISTORY = "HISTORY"
    """An order makes legal moves only, each once, and its version counts them."""
    MAILS = "MAILS"
    """SES accepted a mail for each notification that is SENT, was not asked more often than is recorded, and for
    nobody but the order's customer; no other mail was given up than those that SES refuses."""
    PUBLISH = "PUBLISH"
    """Only what is in the data was published, all of it, and without a fault once."""
    JOURNAL = "JOURNAL"
    """A definite no, and an acknowledged cancellation, are what the data says too."""
    VERSIONS = "VERSIONS"
    """No client saw an order go back."""
    DEAD_LETTERS = "DEAD_LETTERS"
    """No more dead letters wait for a decision than the auditor expects."""

    def finding(self, sentence: str) -> str:
        """What is wrong, as it is told."""
        return f"{self}: {sentence}"
