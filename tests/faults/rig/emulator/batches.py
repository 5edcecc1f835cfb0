"""A batch: its entries, and an answer that says of each whether it was done."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.faults.rig.emulator.errors import AwsError, named
from tests.faults.rig.emulator.faults import Dice

BATCH_SIZE_MAX = 10
_ENTRY_ID = re.compile(r"[\w-]{1,80}", re.ASCII)

Entry = Mapping[str, Any]


def each(entries: Sequence[Entry], dice: Dice, act: Callable[[Entry], dict[str, Any]]) -> dict[str, Any]:
    """Do ``act`` for each entry; a refusal of one is no refusal of another.

    :raises AwsError: when the batch itself is refused, and nothing is done.
    """
    _check(entries)
    successful, failed = [], []
    for entry in entries:
        try:
            if dice.hits("failed_entry", dice.faults.failed_entry_share):
                raise AwsError("InternalError", "We encountered an internal error. Try again.", status=500)  # noqa: TRY301
            successful.append({"Id": entry["Id"], **act(entry)})
        except AwsError as error:
            code = error.query_code or error.code
            is_ours = error.status < 500
            failed.append({"Id": entry["Id"], "SenderFault": is_ours, "Code": code, "Message": error.message})
    return {"Successful": successful} | ({"Failed": failed} if failed else {})


def _check(entries: Sequence[Entry]) -> None:
    if not entries:
        raise named("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(entries) > BATCH_SIZE_MAX:
        words = f"Maximum number of entries per request are {BATCH_SIZE_MAX}. You have sent {len(entries)}."
        raise named("TooManyEntriesInBatchRequest", words)
    ids = [entry["Id"] for entry in entries]
    if len(set(ids)) < len(ids):
        raise named("BatchEntryIdsNotDistinct", f"Ids repeated: {ids}.")
    if not all(_ENTRY_ID.fullmatch(entry_id) for entry_id in ids):
        words = "A batch entry id can only contain alphanumeric characters, hyphens and underscores, at most 80."
        raise named("InvalidBatchEntryId", words)
