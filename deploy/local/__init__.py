"""The one-command stack: the whole mesh on one machine, on real components."""

import sys

if sys.platform == "win32":
    raise SystemExit("OrderMesh's local stack runs on Linux and macOS. On Windows use it inside WSL 2.")
