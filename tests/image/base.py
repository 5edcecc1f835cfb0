"""A base image that needs no registry: a Debian with Python, made by debootstrap."""

import shutil
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

NAME = "localhost/ordermesh-base:bookworm"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"


def is_there() -> bool:
    """Whether podman has it."""
    podman = shutil.which("podman")
    if podman is None:
        return False
    return subprocess.run([podman, "image", "exists", NAME], check=False).returncode == 0  # noqa: S603 - ours


def make() -> None:
    """Make it, and give it to podman. Its ``python`` is Debian's.

    :raises subprocess.CalledProcessError: when that fails.
    """
    with TemporaryDirectory(prefix="ordermesh-base-", dir="/var/tmp") as name:
        root, archive = Path(name) / "root", Path(name) / "base.tar"
        _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root))
        (root / "usr/bin/python").symlink_to("python3")
        with tarfile.open(archive, "w") as tar:
            tar.add(root, arcname=".")
        _run("podman", "import", str(archive), NAME)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - ours
