"""Runs in the build: gathers the files that the final image has, from a base image and an environment filled by pip.

The interpreter, its library, the shared libraries that they and the packages are linked with, the CAs of the base,
the packages and our own code; all of it compiled. Whatever is not named here is not in the image.
"""

import compileall
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from py_compile import PycInvalidationMode

BUILD = Path("/build")
SOURCE = BUILD / "source"
TARGET = BUILD / "rootfs"
ENVIRONMENT = Path("/opt/ordermesh")

OURS = ("chassis", "services", "gateway", "deploy", "clients/python/ordermesh")
BUILD_ONLY = ("image", "*.lock")

NOT_AT_RUN_TIME = (
    *("__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "venv", "pydoc_data"),
    *("site-packages", "dist-packages", "config-*", "*.a", "_tkinter*", "_test*", "EXTERNALLY-MANAGED"),
)
"""Parts of Python's library, by name: tests, windows, and what installs and builds packages."""

NOT_IN_PACKAGES = ("__pycache__", "tests", "*.pyi", "*.pyx", "*.pxd", "*.h", "*.c")

OPENED_BY_NAME = ("libgcc_s.so.1",)
"""Nothing is linked with it; glibc loads it when a thread is cancelled."""

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
OPENSSL_CONFIGURATION = Path("/etc/ssl/openssl.cnf")

USER = 10001
PASSWD = f"root:x:0:0:root:/:/sbin/nologin\nordermesh:x:{USER}:{USER}:OrderMesh:/:/sbin/nologin\n"
GROUP = f"root:x:0:\nordermesh:x:{USER}:\n"
NAME_SERVICES = "passwd: files\ngroup: files\nhosts: files dns\n"

AT_START = "import os, signal, sys; os.getpid() == 1 and signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
"""The first process of a container is ended by no signal that it does not handle, and ours handle SIGTERM once they are
imported. What comes a second earlier must not be lost. Python runs such a line of a ``.pth`` file before all else.
"""

AWS_SERVICES = {"sqs", "sesv2", "sts", "sso", "sso-oidc"}
"""What we call, and what boto's own chain of credentials calls; the descriptions of 400 others are left out."""

IMPORTED = (
    "services.auth.app",
    "services.inventory.app",
    "services.orders.app",
    "services.notifier.app",
    "gateway.app",
)
"""What is tried at the end: a library that was forgotten fails the build."""

_LINKED = re.compile(r"^\s*(?:(?P<name>\S+) => )?(?P<path>/\S+|not found)", re.MULTILINE)


def main() -> None:
    """Gather, compile, and try it."""
    TARGET.mkdir()
    mirror_links_of_the_root()
    copy_python()
    copy_environment()
    write_system_files()
    copy_libraries([Path(sys.executable), *TARGET.rglob("*.so"), *TARGET.rglob("*.so.*")])
    compile_all()
    set_times(int(os.environ.get("SOURCE_DATE_EPOCH", "0")))
    for module in IMPORTED:
        run("chroot", f"--userspec={USER}:{USER}", TARGET, ENVIRONMENT / "bin/python", "-BIc", f"import {module}")


def mirror_links_of_the_root() -> None:
    """``/lib`` is a link to ``/usr/lib`` on most systems, and the loader is looked for behind it."""
    for path in Path("/").iterdir():
        if path.is_symlink() and path.name.startswith(("lib", "bin", "sbin")):
            (TARGET / path.name).symlink_to(path.readlink())


def copy_python() -> None:
    """The interpreter and its library, where they are in the base."""
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, in_target(library), ignore=shutil.ignore_patterns(*NOT_AT_RUN_TIME))
    copy(Path(sys.executable).resolve())


def copy_environment() -> None:
    """The packages, and our own code beside them."""
    unused = shutil.ignore_patterns(*NOT_IN_PACKAGES)
    shutil.copytree(ENVIRONMENT, in_target(ENVIRONMENT), symlinks=True, ignore=unused)
    programs = in_target(ENVIRONMENT) / "bin"
    shutil.rmtree(programs)
    programs.mkdir()
    (programs / "python").symlink_to(Path(sys.executable).resolve())
    packages = in_target(Path(sysconfig.get_path("purelib", "venv", vars={"base": str(ENVIRONMENT)})))
    for name in OURS:
        shutil.copytree(SOURCE / name, packages / Path(name).name, ignore=shutil.ignore_patterns(*BUILD_ONLY))
    (packages / "first_process.pth").write_text(AT_START)
    write_metadata(packages)
    for description in packages.glob("boto*/data/*/"):
        if description.is_dir() and description.name not in AWS_SERVICES:
            shutil.rmtree(description)


def write_metadata(packages: Path) -> None:
    """What ``importlib.metadata`` reads: the project is copied, not installed, and needs no build tool."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    metadata = packages / f"{project['name']}-{project['version']}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")


def copy_libraries(programs: Iterable[Path]) -> None:
    """The shared libraries that ``programs`` are linked with, and the list that the loader finds them by."""
    folders = set()
    for name, path in sorted(linked_with(programs)):
        if not path.is_relative_to(TARGET):
            copy(path.resolve())
            folders.add(str(path.parent.resolve()))
            link = in_target(path.parent.resolve() / name)
            if not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(path.resolve())
    (TARGET / "etc/ld.so.conf").write_text("".join(f"{folder}\n" for folder in sorted(folders)))
    run("ldconfig", "-r", TARGET)


def linked_with(programs: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Name and place of each shared library.

    :raises SystemExit: when one is not there.
    """
    known = run("ldconfig", "-p")
    for name in OPENED_BY_NAME:
        yield from ((name, Path(path)) for path in re.findall(rf"{re.escape(name)} .*=> (\S+)", known)[:1])
    for program in programs:
        for found in _LINKED.finditer(run("ldd", program)):
            if found["path"] == "not found":
                sys.exit(f"{program} needs {found['name']}, which is not there")
            yield Path(found["name"] or found["path"]).name, Path(found["path"])


def write_system_files() -> None:
    """What the C library, OpenSSL and people look up."""
    for path in (CERTIFICATES, OPENSSL_CONFIGURATION, Path("/etc/os-release")):
        in_target(path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, in_target(path))
    (TARGET / "etc/passwd").write_text(PASSWD)
    (TARGET / "etc/group").write_text(GROUP)
    (TARGET / "etc/nsswitch.conf").write_text(NAME_SERVICES)
    (TARGET / "tmp").mkdir()
    (TARGET / "tmp").chmod(0o1777)


def compile_all() -> None:
    """Bytecode that is believed without a look at its source's time: nothing can write another."""
    for place in (Path(sysconfig.get_path("stdlib")), ENVIRONMENT):
        compiled = compileall.compile_dir(
            in_target(place),
            quiet=2,
            stripdir=str(TARGET),
            maxlevels=20,
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )
        if not compiled:
            sys.exit(f"not all of {place} can be compiled")


def set_times(epoch_seconds: int) -> None:
    """The same build of the same source has the same times."""
    for path in (TARGET, *TARGET.rglob("*")):
        os.utime(path, (epoch_seconds, epoch_seconds), follow_symlinks=False)


def copy(path: Path) -> None:
    """A file, to its place in the image."""
    in_target(path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, in_target(path))


def in_target(path: Path) -> Path:
    """Where the image has what is at ``path``."""
    return TARGET / path.relative_to("/")


def run(*command: object) -> str:
    """What a program of the base says.

    :raises subprocess.CalledProcessError: when it fails.
    """
    words = [str(part) for part in command]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout  # nosec B603 # noqa: S603 - ours


if __name__ == "__main__":
    main()
