"""A journal as a file of a test's own."""

import json
from pathlib import Path

FAULT: dict[str, object] = {"at": 6.0, "what": "fault", "kind": "kill"}


def written(path: Path, *lines_: dict[str, object], torn: bytes = b"") -> Path:
    path.write_bytes("".join(json.dumps(line) + "\n" for line in lines_).encode() + torn)
    return path
