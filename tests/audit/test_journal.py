"""A journal is read as it was written, and a line that is no entry is named."""

from pathlib import Path
from typing import Any

import pytest

from bench.audit import read_journal
from bench.audit.journal import Accepted, Cancelled, Fault, JournalError, NotCancelled, Refused, Saw
from tests.audit.journal_file import FAULT, written


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    order_, items = {"client": "c-3", "user": "ada", "key": "k"}, {"LAMP": 2}
    status = {"order_id": "sold", "status": "PENDING", "version": 1}
    path = written(
        tmp_path / "journal",
        {"at": 1.0, "what": "accepted", **order_, "items": items, **status, "replayed": False},
        {"at": 2.0, "what": "refused", **order_, "items": items, "http_status": 409, "reason": "OUT_OF_STOCK"},
        {"at": 3.0, "what": "cancelled", "client": "c-3", "order_id": "sold", "version": 2},
        {"at": 4.0, "what": "not_cancelled", "client": "c-3", "order_id": "sold", "reason": "ORDER_NOT_CANCELLABLE"},
        {"at": 5.0, "what": "saw", "client": "c-3", **status},
        {"at": 6.0, "what": "fault", "kind": "kill", "process": "orders", "in_flight": 17},
    )

    assert list(read_journal(path)) == [
        Accepted(1.0, "c-3", "ada", "k", "sold", items, "PENDING", 1, replayed=False),
        Refused(2.0, "c-3", "ada", "k", items, 409, "OUT_OF_STOCK"),
        Cancelled(3.0, "c-3", "sold", 2),
        NotCancelled(4.0, "c-3", "sold", "ORDER_NOT_CANCELLABLE"),
        Saw(5.0, "c-3", "sold", "PENDING", 1),
        Fault(6.0, "kill"),
    ]


def test_a_torn_last_line_of_a_journal_does_not_count(tmp_path: Path) -> None:
    path = written(tmp_path / "journal", FAULT, torn='{"at": 7.0, "what": "é'.encode()[:-1])

    assert list(read_journal(path)) == [Fault(6.0, "kill")]


@pytest.mark.parametrize("line", [{"at": 1.0, "what": "dreamt"}, {"at": 1.0, "what": "saw"}, {}, []])
def test_a_line_that_is_no_entry_is_named(tmp_path: Path, line: Any) -> None:
    path = written(tmp_path / "journal", FAULT, line, FAULT)

    with pytest.raises(JournalError, match="line 2 "):
        list(read_journal(path))
