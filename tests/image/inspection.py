"""What is in an image, as a process in it sees it: asked by running this file there (``podman run IMAGE -c ...``).

It needs nothing but Python's own library, and prints a line for everything that should not be.
"""

import importlib.util
import os
import stat
import sys

NOT_AT_RUN_TIME = {
    *("sh", "bash", "dash", "busybox", "perl", "apt", "apt-get", "dpkg", "apk", "pip", "pip3", "uv", "curl", "wget"),
    *("gcc", "cc", "g++", "ld", "as", "make", "git", "su", "sudo", "mount"),
}
"""Programs that somebody who got in would look for."""

NOT_IMPORTABLE = (
    "pip",
    "ensurepip",
    "setuptools",
    "wheel",
    "venv",
    "idlelib",
    "deploy.local",
    "deploy.image",
    "tests",
    "bench",
)
NOT_COPIED = ("/.env", "/.git", "/pip.conf", "/ca.crt", "/root/.cache", "/build")
NOT_WALKED = ("/proc", "/sys", "/dev")
USER = 10001


def main() -> None:
    """Print what is wrong."""
    sys.stdout.writelines(f"{problem}\n" for problem in (*_identity(), *_files(), *_imports()))


def _identity() -> list[str]:
    found = [] if (os.getuid(), os.getgid()) == (USER, USER) else [f"it runs as {os.getuid()}:{os.getgid()}"]
    for folder in ("/", "/tmp", "/opt/ordermesh"):  # noqa: S108 - whether it can be written to
        try:
            with open(f"{folder}/written", "w"):  # noqa: PTH123 - pathlib would do no more
                found.append(f"{folder} can be written to")
        except OSError:
            continue
    return found


def _files() -> list[str]:
    found = []
    sources = compiled = 0
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if f"{folder.rstrip('/')}/{name}" not in NOT_WALKED]
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            mode = os.lstat(path).st_mode
            sources += name.endswith(".py")
            compiled += name.endswith(".pyc")
            if mode & (stat.S_ISUID | stat.S_ISGID) and stat.S_ISREG(mode):
                found.append(f"{path} is setuid or setgid")
            if name in NOT_AT_RUN_TIME and mode & stat.S_IXUSR and not stat.S_ISDIR(mode):
                found.append(f"{path} is a program that nothing needs")
            if path.endswith(NOT_COPIED):
                found.append(f"{path} should not have been copied")
    return found if compiled == sources else [*found, f"{sources} modules, {compiled} of them compiled"]


def _imports() -> list[str]:
    found = []
    for name in NOT_IMPORTABLE:
        try:
            if importlib.util.find_spec(name) is not None:
                found.append(f"{name} can be imported")
        except ModuleNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
