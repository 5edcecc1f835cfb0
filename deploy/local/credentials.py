"""The secrets of a stack: made once, kept in its state directory, never shown."""

import secrets
from collections.abc import Mapping
from hashlib import sha256

from deploy.local.env_file import read_env_file, write_env_file
from deploy.local.state import StateDirectory

SECRET_BYTES = 32
PASSWORD_BYTES = 12

CALLING_SERVICES = ("orders", "notifier", "gateway")
"""The services that have an identity of their own."""

PASSWORDS = ("ADMIN_PASSWORD", "DEMO_PASSWORD")
SIGNING_SECRETS = ("JWT_SECRET", "JWT_REFRESH_SECRET")


def kept_secrets(state: StateDirectory) -> Mapping[str, str]:
    """The stack's secrets by name. Those that are not there yet are made and written down."""
    known = read_env_file(state.secrets_file)
    wanted = dict.fromkeys(PASSWORDS, PASSWORD_BYTES)
    wanted |= dict.fromkeys((*SIGNING_SECRETS, *map(client_secret, CALLING_SERVICES)), SECRET_BYTES)
    made = {name: secrets.token_hex(size) for name, size in wanted.items() if name not in known}
    if made:
        write_env_file(state.secrets_file, known | made)
    return known | made


def client_secret(service: str) -> str:
    """The name that a service's own secret is kept under."""
    return f"{service.upper()}_CLIENT_SECRET"


def service_clients(kept: Mapping[str, str]) -> str:
    """What auth is told of the services: their names and the hashes of their secrets."""
    hashes = {service: sha256(kept[client_secret(service)].encode()).hexdigest() for service in CALLING_SERVICES}
    return ",".join(f"{service}:{digest}" for service, digest in hashes.items())
