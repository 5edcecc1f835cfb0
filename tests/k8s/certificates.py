"""The certificates that the example for cert-manager asks for, issued by a CA of the tests'."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from chassis.certificates import CA, CERTIFICATE, KEY
from chassis.testing_tls import TestAuthority
from tests.k8s.manifests import Object
from tests.k8s.renderings import K8S

EXAMPLE = K8S / "components" / "tls" / "cert-manager.yaml"
KEYS = {"tls.crt": CERTIFICATE, "tls.key": KEY, "ca.crt": CA}
"""What cert-manager calls each part in a Secret."""


@cache
def asked_for() -> Mapping[str, Object]:
    """What the example says of each process's certificate, by the Secret that it comes in."""
    things = list(yaml.safe_load_all(EXAMPLE.read_text()))
    specs = [thing["spec"] for thing in things if thing["kind"] == "Certificate" and "dnsNames" in thing["spec"]]
    return {spec["secretName"]: spec for spec in specs}


@cache
def issued() -> Mapping[str, Mapping[str, str]]:
    """The data of each of these Secrets."""
    with TemporaryDirectory(prefix="ordermesh-k8s-") as folder:
        authority = TestAuthority(Path(folder))
        paths = {secret: authority.issue(*spec["dnsNames"]) for secret, spec in asked_for().items()}
        return {
            secret: {key: Path(files[name]).read_text() for key, name in KEYS.items()}
            for secret, files in paths.items()
        }
