"""Finding servers that really start."""

import importlib.util
import platform
from pathlib import Path

import pytest

from deploy.local.binaries import find_mongod, find_redis
from deploy.local.errors import StackError

WITHOUT_LIBCURL = """#!/bin/sh
for place in $(echo "$LD_LIBRARY_PATH" | tr ':' ' '); do
  test -e "$place/libcurl.so.4" && exit 0
done
echo "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file" >&2
exit 127
"""


def program(directory: Path, name: str, text: str = "#!/bin/sh\n") -> str:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_a_mongod_on_path_comes_before_the_variable_and_the_bundled_one(tmp_path: Path) -> None:
    on_path = program(tmp_path / "bin", "mongod")
    named = program(tmp_path / "opt", "mongod")

    found = find_mongod({"PATH": str(tmp_path / "bin"), "MONGOD_BIN": named}, tmp_path / "lib")

    assert found.path == on_path


def test_the_variable_comes_before_the_bundled_mongod(tmp_path: Path) -> None:
    named = program(tmp_path / "opt", "mongod")

    assert find_mongod({"PATH": "", "MONGOD_BIN": named}, tmp_path / "lib").path == named


def test_the_bundled_mongod_is_found_last(tmp_path: Path) -> None:
    assert find_mongod({"PATH": ""}, tmp_path / "lib").path.endswith("fiftyone/db/bin/mongod")


def test_a_variable_that_names_nothing_to_run_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="MONGOD_BIN=/nowhere/mongod is not a program that can be run"):
        find_mongod({"PATH": "", "MONGOD_BIN": "/nowhere/mongod"}, tmp_path / "lib")


def test_a_mongod_without_libcurl_gets_the_one_of_pycurl(tmp_path: Path) -> None:
    needy = program(tmp_path / "opt", "mongod", WITHOUT_LIBCURL)

    found = find_mongod({"PATH": "", "MONGOD_BIN": needy}, tmp_path / "lib")

    assert str(tmp_path / "lib") in found.environment["LD_LIBRARY_PATH"]
    assert (tmp_path / "lib" / "libcurl.so.4").resolve().name.startswith("libcurl-")


@pytest.mark.parametrize(
    ("complaint", "advice"),
    [
        ("mongod: /lib/libcurl.so.4: version CURL_OPENSSL_4 not found", "apt install libcurl4"),
        ("mongod: error while loading shared libraries: libssl.so.3", "apt install libssl3"),
        ("Illegal instruction", "put a mongod that runs here on PATH or in MONGOD_BIN"),
    ],
)
def test_a_mongod_that_does_not_start_is_one_line_with_advice(tmp_path: Path, complaint: str, advice: str) -> None:
    broken = program(tmp_path / "opt", "mongod", f'#!/bin/sh\necho "{complaint}" >&2\nexit 1\n')

    with pytest.raises(StackError) as refused:
        find_mongod({"PATH": "", "MONGOD_BIN": broken}, tmp_path / "lib")

    assert advice in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_any_mongod_the_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(StackError, match=r"no mongod here: .*, or set MONGOD_BIN or MONGO_URI"):
        find_mongod({"PATH": ""}, tmp_path / "lib")


def test_a_valkey_server_is_as_good_as_a_redis_server(tmp_path: Path) -> None:
    valkey = program(tmp_path / "bin", "valkey-server")

    assert find_redis({"PATH": str(tmp_path / "bin")}).path == valkey


def test_the_bundled_server_gets_its_run_bit_back() -> None:
    bundled = Path(find_redis({"PATH": ""}).path)
    bundled.chmod(0o644)

    assert find_redis({"PATH": ""}).path == str(bundled)
    assert bundled.stat().st_mode & 0o111


def test_without_a_bundled_server_for_this_machine_the_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "sparc")

    with pytest.raises(StackError, match=r"no redis-server here: install redis-server.*REDIS_SERVER_BIN or REDIS_URL"):
        find_redis({"PATH": ""})
