"""TLS between the processes of a stack: a folder with a certificate for each of them, and one for the stack itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc

from chassis.certificates import CA, CERTIFICATE, KEY, CertificatesUnusable
from chassis.config import Environment
from chassis.tls import Tls, channel_credentials

OPERATOR = "operator"
"""Who seeds the stack and asks for its health: nobody's certificate but its own."""


@dataclass(frozen=True)
class LocalTls:
    """The folder has ``ca.crt`` and, for each process and the operator, ``<name>.crt`` and ``<name>.key``.

    Addresses of the stack have no names, so the certificate of a process names it: ``orders``.
    """

    folder: Path
    operator: Tls

    @classmethod
    def read(cls, env: Environment) -> Self | None:
        """Read ``TLS_DIRECTORY``; None when it is not set."""
        name = env.optional("TLS_DIRECTORY")
        if name is None:
            return None
        folder = Path(name).resolve()
        try:
            return cls(folder, Tls({key: Path(path) for key, path in _files(folder, OPERATOR).items()}))
        except CertificatesUnusable as error:
            env.problem("TLS_DIRECTORY", f"has no certificate of the {OPERATOR}: {error}")
            return None

    def environment(self, process: str) -> dict[str, str]:
        """The keys that ``process`` finds its own certificate with."""
        return _files(self.folder, process)


def channel_to(service: str, address: str, tls: LocalTls | None) -> grpc.aio.Channel:
    """The operator's channel to a replica of ``service`` at ``address``."""
    if tls is None:
        return grpc.aio.insecure_channel(address)
    credentials = channel_credentials(tls.operator.current())
    return grpc.aio.secure_channel(address, credentials, options=[("grpc.default_authority", service)])


def _files(folder: Path, process: str) -> dict[str, str]:
    names = {CERTIFICATE: f"{process}.crt", KEY: f"{process}.key", CA: "ca.crt"}
    return {key: str(folder / name) for key, name in names.items()}
