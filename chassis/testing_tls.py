"""Certificates for tests, by a CA of their own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from chassis.certificates import CA, CERTIFICATE, KEY
from chassis.config import Environment
from chassis.tls import Tls


class TestAuthority:
    """A CA that issues whatever a test asks for, as files in ``folder``."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / "ca.crt"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, name: str, *names: str, life: tuple[timedelta, timedelta] | None = None) -> dict[str, str]:
        """A certificate for ``name`` and ``names`` in ``<name>.crt``, its key in ``<name>.key``; as the three keys.

        ``life`` says from when to when it is valid, as seen from now. An earlier one of ``name`` is replaced.
        """
        now = datetime.now(UTC)
        begin, end = (None, None) if life is None else (now + life[0], now + life[1])
        issued = self._ca.issue_cert(name, *names, not_before=begin, not_after=end)
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        return {CERTIFICATE: str(certificate), KEY: str(key), CA: str(self.file)}

    def tls(self, name: str, *names: str) -> Tls:
        """What the process ``name`` has, with a certificate of this CA."""
        env = Environment(self.issue(name, *names))
        tls = Tls.read(env)
        env.check()
        assert tls is not None, "all three keys are given"
        return tls
