"""Whose certificate a call came with."""

from chassis.call import Identity
from chassis.certificates import name_service
from chassis.errors import Unauthenticated
from chassis.interceptors.chain import Context

# As gRPC's core names them.
_TRANSPORT, _PLAINTEXT = "transport_security_type", b"insecure"
_DNS_NAMES = "peer_dns"


class CertificateMismatch(Unauthenticated):
    """A service's token came with another certificate than that service's."""

    reason = "CERTIFICATE_MISMATCH"


def require_own_certificate(identity: Identity, context: Context) -> None:
    """Make sure that a service's token comes from that service: without its key a stolen one is worth nothing.

    Users' tokens come with the certificate of whoever forwards them. Without TLS there is nothing to look at.

    :raises CertificateMismatch: when the certificate does not name the service.
    """
    if identity.kind != "service":
        return
    peer = context.auth_context()
    if _PLAINTEXT in peer.get(_TRANSPORT, ()):
        return
    names = (name.decode(errors="replace") for name in peer.get(_DNS_NAMES, ()))
    if not name_service(names, identity.subject):
        raise CertificateMismatch(f"the client's certificate is not that of {identity.subject}")
