"""TLS between the processes of the mesh: each shows its certificate, and believes only those of one CA.

New certificates are taken without a restart. The files are looked at when a connection or a call needs them.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Self

import grpc
from prometheus_client import Gauge

from chassis.certificates import FILES, Certificates, CertificatesUnusable, check, read_files
from chassis.config import Environment

_log = logging.getLogger(__name__)

RELOAD_SECONDS = 10.0
"""The files are not read more often than this."""

EXPIRY_SHARE = 0.2
"""Who renews certificates does it when a third of their life is left. With less than this share nobody did."""

EXPIRY_WARNING_SECONDS = 3600.0
"""How often that is said."""

_EXPIRY = Gauge(
    "ordermesh_tls_certificate_expiry_timestamp_seconds",
    "When the certificate expires that this process shows, in Unix time.",
    ("name",),
)

_HINTS = {
    "WRONG_VERSION_NUMBER": "it speaks no TLS",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not of the CA in TLS_CA_FILE, or has expired",
    "Hostname Verification": "its certificate names somebody else",
    "Socket closed": "it may want TLS, or refuse this process's certificate: its log says so",
}
_NO_CONNECTION = "connections to all backends failing"


class Tls:
    """What a process shows of itself and believes others by: what the three files have in them now.

    Files that cannot be used (one of them may be newer than the others) are named in the log, and what was there
    before is used on.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        """``paths`` has each of :data:`chassis.certificates.FILES`.

        :raises CertificatesUnusable: saying everything that is wrong.
        """
        self._paths = dict(paths)
        self._lock = Lock()
        self._contents = read_files(self._paths)
        self._current = check(self._contents, datetime.now(UTC))
        self._look_at = monotonic() + RELOAD_SECONDS
        self._warn_at = float("-inf")
        self._problem = ""
        self._publish()

    @classmethod
    def read(cls, env: Environment) -> Self | None:
        """Read the three keys; None when there is none of them."""
        named = {key: Path(path) for key in FILES if (path := env.path(key))}
        if not named:
            return None
        missing = [key for key in FILES if key not in named]
        if missing:
            for key in missing:
                env.problem(key, f"is missing: {', '.join(FILES)} go together")
            return None
        try:
            return cls(named)
        except CertificatesUnusable as error:
            for key, what in error.problems:
                env.problem(key, what)
            return None

    def current(self) -> Certificates:
        """What to show and to believe by now. Any thread may ask: gRPC's own do at each handshake."""
        if monotonic() >= self._look_at and self._lock.acquire(blocking=False):
            try:
                self._look_at = monotonic() + RELOAD_SECONDS
                self._look_again()
            finally:
                self._lock.release()
        return self._current

    def server_credentials(self) -> grpc.ServerCredentials:
        """What a server listens with: each client must have a certificate of the CA."""
        given = self._current

        def newer() -> grpc.ServerCertificateConfiguration | None:
            nonlocal given
            current = self.current()
            if current is given:
                return None
            given = current
            return _server_configuration(current)

        first = _server_configuration(given)
        return grpc.dynamic_ssl_server_credentials(first, newer, True)  # type: ignore[arg-type] # None: no newer one

    def _look_again(self) -> None:
        problem = ""
        try:
            contents = read_files(self._paths)
            if contents != self._contents:
                self._current = check(contents, datetime.now(UTC))
                self._contents = contents
                self._publish()
                self._warn_at = float("-inf")
                _log.info(
                    "new files for TLS are used; the certificate expires at %s", self._current.expire_time.isoformat()
                )
        except CertificatesUnusable as error:
            problem = str(error)
            if problem != self._problem:
                _log.warning("the new certificates cannot be used, the ones before are: %s", problem)
        self._problem = problem
        self._warn()

    def _publish(self) -> None:
        _EXPIRY.labels(next(iter(self._current.names), "")).set(self._current.expire_time.timestamp())

    def _warn(self) -> None:
        begin_time, expire_time = self._current.begin_time, self._current.expire_time
        left = expire_time - datetime.now(UTC)
        if left < EXPIRY_SHARE * (expire_time - begin_time) and monotonic() >= self._warn_at:
            self._warn_at = monotonic() + EXPIRY_WARNING_SECONDS
            _log.warning("the certificate in TLS_CERT_FILE expires at %s and is not renewed", expire_time.isoformat())


def channel_credentials(certificates: Certificates) -> grpc.ChannelCredentials:
    """What a connection is made with."""
    return grpc.ssl_channel_credentials(certificates.ca, certificates.key, certificates.certificate)


def in_short(error: grpc.aio.AioRpcError) -> str:
    """The code and the words of a failed call, for the log."""
    return f"{error.code().name}: {hint(error.details() or '')}"


def hint(details: str) -> str:
    """Why a connection did not come about, behind what gRPC says of it; what says enough stays as it is."""
    if _NO_CONNECTION in details:
        for sign, meaning in _HINTS.items():
            if sign in details:
                return f"{details} ({meaning})"
    return details


def _server_configuration(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    pair = (certificates.key, certificates.certificate)
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=certificates.ca)
