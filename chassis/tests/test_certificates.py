"""The three files of TLS: what is wrong with them is said at the start, by the key."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, SECP521R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from prometheus_client import REGISTRY

from chassis.certificates import CA, CERTIFICATE, FILE_BYTES_MAX, FILES, KEY
from chassis.config import ConfigError, Environment
from chassis.testing_tls import TestAuthority
from chassis.tls import Tls

DAY = timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path)


def problem_with(keys: dict[str, str]) -> str:
    env = Environment(keys)
    assert Tls.read(env) is None
    with pytest.raises(ConfigError) as caught:
        env.check()
    return str(caught.value)


def key_pem(key: object, encryption: KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())  # type: ignore[attr-defined,no-any-return]


def test_without_any_key_there_is_no_tls() -> None:
    env = Environment({"TLS_CERT_FILE": ""})

    assert Tls.read(env) is None
    env.check()


def test_a_good_pair_is_taken_with_its_names(authority: TestAuthority) -> None:
    tls = authority.tls("orders", "Orders.Shop.svc", "127.0.0.1")

    assert tls.current().names == ("orders", "orders.shop.svc")
    assert "PRIVATE" not in repr(tls.current())
    assert (
        REGISTRY.get_sample_value("ordermesh_tls_certificate_expiry_timestamp_seconds", {"name": "orders"})
        == tls.current().expire_time.timestamp()
    )


@pytest.mark.parametrize("missing", FILES)
def test_all_three_keys_or_none(authority: TestAuthority, missing: str) -> None:
    keys = authority.issue("orders")
    del keys[missing]

    assert problem_with(keys) == f"{missing} is missing: TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE go together"


@pytest.mark.parametrize("key", FILES)
def test_a_file_that_is_not_there_is_named(authority: TestAuthority, key: str) -> None:
    keys = authority.issue("orders") | {key: "/nowhere/tls.pem"}

    assert problem_with(keys) == f"{key} cannot be read: No such file or directory"


def test_what_is_no_file_does_not_keep_the_start_waiting(authority: TestAuthority, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    keys = authority.issue("orders") | {CERTIFICATE: str(tmp_path / "pipe"), KEY: str(tmp_path)}

    assert problem_with(keys) == "TLS_CERT_FILE is no file; TLS_KEY_FILE is no file"


def test_a_file_has_a_mebibyte_at_most(authority: TestAuthority) -> None:
    keys = authority.issue("orders")
    ca = Path(keys[CA]).read_bytes()
    Path(keys[CA]).write_bytes(ca.ljust(FILE_BYTES_MAX, b"\n"))
    assert Tls.read(Environment(keys)) is not None

    Path(keys[CA]).write_bytes(ca.ljust(FILE_BYTES_MAX + 1, b"\n"))

    assert problem_with(keys) == "TLS_CA_FILE has more than 1048576 bytes"


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_pem_is_named_for_all_three_at_once(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)

    assert problem_with(dict.fromkeys(FILES, str(tmp_path / "file"))) == (
        "TLS_CERT_FILE has no PEM certificate; "
        "TLS_KEY_FILE has no PEM private key, or one with a passphrase; "
        "TLS_CA_FILE has no PEM certificate"
    )


def test_a_key_with_a_passphrase_is_not_asked_for_it(authority: TestAuthority) -> None:
    keys = authority.issue("orders")
    Path(keys[KEY]).write_bytes(key_pem(ec_key(SECP384R1()), BestAvailableEncryption(b"secret")))

    assert problem_with(keys) == "TLS_KEY_FILE has no PEM private key, or one with a passphrase"


def test_a_key_of_another_certificate_is_named(authority: TestAuthority) -> None:
    keys = authority.issue("orders") | {KEY: authority.issue("notifier")[KEY]}

    assert problem_with(keys) == "TLS_KEY_FILE does not fit the certificate in TLS_CERT_FILE"


@pytest.mark.parametrize(
    ("make", "is_taken"),
    [
        pytest.param(lambda: rsa_key(65537, 2048), True, id="RSA of 2048 bits"),
        pytest.param(lambda: rsa_key(65537, 2047), False, id="RSA of 2047 bits"),  # noqa: S505 - this is the point
        pytest.param(lambda: ec_key(SECP384R1()), True, id="P-384"),
        pytest.param(lambda: ec_key(SECP521R1()), False, id="P-521"),
        pytest.param(Ed25519PrivateKey.generate, False, id="Ed25519"),
    ],
)
def test_only_keys_that_grpc_can_use_are_taken(
    authority: TestAuthority, make: Callable[[], object], is_taken: bool
) -> None:
    keys = authority.issue("orders")
    Path(keys[KEY]).write_bytes(key_pem(make()))

    problem = problem_with(keys)

    assert ("must be RSA" in problem, "does not fit" in problem) == (not is_taken, is_taken)


@pytest.mark.parametrize(
    ("life", "problem"),
    [
        pytest.param((-2 * DAY, -DAY), "TLS_CERT_FILE expired at 20", id="expired"),
        pytest.param((DAY, 2 * DAY), "TLS_CERT_FILE is not valid before 20", id="not yet valid"),
    ],
)
def test_a_certificate_that_is_not_valid_now_is_named(
    authority: TestAuthority, life: tuple[timedelta, timedelta], problem: str
) -> None:
    assert problem_with(authority.issue("orders", life=life)).startswith(problem)


def test_a_certificate_of_a_foreign_ca_is_named(authority: TestAuthority, tmp_path: Path) -> None:
    foreign = TestAuthority(tmp_path / "foreign")
    keys = authority.issue("orders") | {CA: str(foreign.file)}

    assert problem_with(keys) == "TLS_CA_FILE has no valid CA that issued what is in TLS_CERT_FILE"


def test_one_of_several_cas_is_enough(authority: TestAuthority, tmp_path: Path) -> None:
    former = TestAuthority(tmp_path / "former")
    keys = authority.issue("orders")
    Path(keys[CA]).write_bytes(former.file.read_bytes() + authority.file.read_bytes())

    assert Tls.read(Environment(keys)) is not None
