"""The secrets of a mesh that makes its own: which there are, and what auth is told of them."""

import secrets
from collections.abc import Mapping
from hashlib import sha256

SECRET_BYTES = 32
PASSWORD_BYTES = 12

CALLING_SERVICES = ("orders", "notifier", "gateway")
"""The services that have an identity of their own."""

PASSWORDS = ("ADMIN_PASSWORD", "DEMO_PASSWORD")
SIGNING_SECRETS = ("JWT_SECRET", "JWT_REFRESH_SECRET")


def client_secret(service: str) -> str:
    """The name that a service's own secret is kept under."""
    return f"{service.upper()}_CLIENT_SECRET"


def missing_secrets(known: Mapping[str, str]) -> dict[str, str]:
    """New secrets for those that are not known yet, by name."""
    wanted = dict.fromkeys(PASSWORDS, PASSWORD_BYTES)
    wanted |= dict.fromkeys((*SIGNING_SECRETS, *map(client_secret, CALLING_SERVICES)), SECRET_BYTES)
    return {name: secrets.token_hex(size) for name, size in wanted.items() if not known.get(name)}


def service_clients(kept: Mapping[str, str]) -> str:
    """What auth is told of the services: their names and the hashes of their secrets."""
    hashes = {service: sha256(kept[client_secret(service)].encode()).hexdigest() for service in CALLING_SERVICES}
    return ",".join(f"{service}:{digest}" for service, digest in hashes.items())
