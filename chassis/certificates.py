"""A process's certificate, its key, and the CA that everybody in the mesh trusts: read from files and checked.

What is wrong with them gRPC would say only at a handshake, to whoever happens to connect. Here it is said before, by
the configuration's key.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from stat import S_ISREG

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

CERTIFICATE, KEY, CA = FILES = ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CA_FILE")

FILE_BYTES_MAX = 1024 * 1024
"""What a file may have. The CAs of all the world take a fourth of it."""

RSA_BITS_MIN = 2048

CURVES = ("secp256r1", "secp384r1")
"""gRPC's TLS offers no signature with another curve, nor one with Ed25519."""


class CertificatesUnusable(Exception):
    """The files cannot be used. ``problems`` has a sentence for each key."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{key} {what}" for key, what in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Certificates:
    """What a process shows of itself, and what it believes others by. All three are PEM.

    ``names`` are the certificate's DNS names, in lower case; ``certificate`` has those of intermediate CAs too.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    ca: bytes
    names: tuple[str, ...]
    begin_time: datetime
    expire_time: datetime

    def name_service(self, service: str) -> bool:
        """Whether the certificate is that of ``service``."""
        return name_service(self.names, service)


def name_service(names: Iterable[str], service: str) -> bool:
    """Whether one of a certificate's DNS names is ``service``, or ``service`` in any domain."""
    return any(f"{name.lower()}.".startswith(f"{service}.") for name in names)


def read_files(paths: Mapping[str, Path]) -> dict[str, bytes]:
    """What the files of all three keys have in them.

    :raises CertificatesUnusable: when one cannot be read.
    """
    contents, problems = {}, []
    for key, path in paths.items():
        try:
            contents[key] = _content(path)
        except OSError as error:
            problems.append((key, f"cannot be read: {error.strerror}"))
        except ValueError as error:
            problems.append((key, str(error)))
    if problems:
        raise CertificatesUnusable(problems)
    return contents


def check(contents: Mapping[str, bytes], now: datetime) -> Certificates:
    """The certificates in ``contents`` (see :func:`read_files`), when they can be used now.

    :raises CertificatesUnusable: saying everything that is wrong.
    """
    chain, authorities = _certificates(contents[CERTIFICATE]), _certificates(contents[CA])
    key = _key(contents[KEY])
    problems = []
    if not chain:
        problems.append((CERTIFICATE, "has no PEM certificate"))
    elif problem := _time_problem(chain[0], now):
        problems.append((CERTIFICATE, problem))
    if key is None:
        problems.append((KEY, "has no PEM private key, or one with a passphrase"))
    elif not _is_usable(key):
        problems.append((KEY, f"must be RSA of {RSA_BITS_MIN} bits or more, or EC on P-256 or P-384: gRPC takes these"))
    elif chain and key.public_key() != chain[0].public_key():
        problems.append((KEY, f"does not fit the certificate in {CERTIFICATE}"))
    if not authorities:
        problems.append((CA, "has no PEM certificate"))
    elif chain and not _is_issued(chain, [ca for ca in authorities if not _time_problem(ca, now)]):
        problems.append((CA, f"has no valid CA that issued what is in {CERTIFICATE}"))
    if problems:
        raise CertificatesUnusable(problems)
    return Certificates(
        certificate=contents[CERTIFICATE],
        key=contents[KEY],
        ca=contents[CA],
        names=_dns_names(chain[0]),
        begin_time=chain[0].not_valid_before_utc,
        expire_time=chain[0].not_valid_after_utc,
    )


def _content(path: Path) -> bytes:
    if not S_ISREG(path.stat().st_mode):
        raise ValueError("is no file")
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise ValueError(f"has more than {FILE_BYTES_MAX} bytes")
    return content


def _certificates(content: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        return []


def _key(content: bytes) -> PrivateKeyTypes | None:
    try:
        return load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it wants the passphrase
        return None


def _is_usable(key: PrivateKeyTypes) -> bool:
    if isinstance(key, RSAPrivateKey):
        return key.key_size >= RSA_BITS_MIN
    return isinstance(key, EllipticCurvePrivateKey) and key.curve.name in CURVES


def _time_problem(certificate: x509.Certificate, now: datetime) -> str:
    if certificate.not_valid_after_utc <= now:
        return f"expired at {certificate.not_valid_after_utc.isoformat()}"
    if certificate.not_valid_before_utc > now:
        return f"is not valid before {certificate.not_valid_before_utc.isoformat()}"
    return ""


def _is_issued(chain: Iterable[x509.Certificate], authorities: Sequence[x509.Certificate]) -> bool:
    """Whether some certificate of the chain comes from one of ``authorities``; the peers check the whole of it."""
    return any(certificate == ca or _issued(ca, certificate) for certificate in chain for ca in authorities)


def _issued(ca: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(name.lower() for name in names.get_values_for_type(x509.DNSName))
