"""``secrets``: fills in what a Secret is missing, and keeps what is there.

Two that run at once agree: what one of them writes is bound to the version that it read, and the other, refused, reads
again and finds everything there.
"""

import argparse
import logging
import secrets
import sys
import time
from collections.abc import Mapping

from chassis.logs import configure_logging
from deploy.cluster.api_server import ApiServer, Conflict, NotAnswered, Refused
from deploy.cluster.credentials import CALLING_SERVICES, missing_secrets, service_clients

SERVICE_CLIENTS = "SERVICE_CLIENTS"
AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""moto takes any, but boto wants some."""

AWS_KEY_BYTES = 10

PATIENCE_SECONDS = 120.0
"""How long the API server may not answer: a new pod's network policy may open its way a moment after it has started."""

TRY_AGAIN_SECONDS = 1.0

_log = logging.getLogger(__name__)


def main(parsed: argparse.Namespace) -> None:
    """Fill in the Secret; with exit code 1 when that cannot be done."""
    configure_logging("info", "json")
    try:
        fill_in(ApiServer.of_this_pod(), parsed.secret, PATIENCE_SECONDS)
    except (Refused, NotAnswered) as error:
        _log.error("%s: %s", parsed.secret, error)
        sys.exit(1)


def fill_in(api: ApiServer, name: str, patience_seconds: float) -> None:
    """Bring the Secret to have all keys.

    :raises Refused: when the API server does not let us, or knows no such Secret.
    :raises NotAnswered: when it has not answered for ``patience_seconds``.
    """
    give_up_at = time.monotonic() + patience_seconds
    while True:
        try:
            secret = api.read_secret(name)
            additions = missing(secret.values)
            if additions:
                api.add_to_secret(name, secret.version, additions)
        except Conflict:
            _log.info("%s: somebody else has written it, reading it again", name)
        except NotAnswered as error:
            if time.monotonic() > give_up_at:
                raise
            _log.warning("%s: %s", name, error)
            time.sleep(TRY_AGAIN_SECONDS)
        else:
            _log.info("%s: %s", name, f"made {', '.join(sorted(additions))}" if additions else "nothing is missing")
            return


def missing(known: Mapping[str, str]) -> dict[str, str]:
    """What a Secret with the values of ``known`` is missing.

    Auth must know the hashes of the secrets that are there: what is said of them is written again when it is not so,
    and other clients that somebody added stay.
    """
    made = missing_secrets(known)
    made |= {key: secrets.token_hex(AWS_KEY_BYTES) for key in AWS_KEYS if not known.get(key)}
    said = [entry.strip() for entry in known.get(SERVICE_CLIENTS, "").split(",") if entry.strip()]
    others = [entry for entry in said if entry.partition(":")[0] not in CALLING_SERVICES]
    ours = service_clients({**known, **made}).split(",")
    if not set(ours) <= set(said):
        made[SERVICE_CLIENTS] = ",".join([*ours, *others])
    return made
