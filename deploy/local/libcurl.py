"""The libcurl that the bundled mongod needs, where the system has none: the one in pycurl's wheel."""

import os
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path


def bundled_libcurl(libraries: Path) -> dict[str, str]:
    """Link pycurl's libcurl in ``libraries``; returns the environment that makes the loader find it.

    Debian's git brings the GnuTLS flavour only, and mongod wants the one with OpenSSL. Empty when
    pycurl is not installed.
    """
    bundled = _in_the_wheel()
    if bundled is None:
        return {}
    libraries.mkdir(parents=True, exist_ok=True)
    link = libraries / "libcurl.so.4"
    link.unlink(missing_ok=True)
    link.symlink_to(bundled)
    search = [str(libraries), str(bundled.parent), os.environ.get("LD_LIBRARY_PATH", "")]
    return {"LD_LIBRARY_PATH": ":".join(place for place in search if place)}


def _in_the_wheel() -> Path | None:
    try:
        shipped = files("pycurl") or []
    except PackageNotFoundError:
        return None
    for file in shipped:
        if file.match("pycurl.libs/libcurl-*.so.4*"):
            path = Path(str(file.locate())).resolve()
            return path if path.exists() else None
    return None
