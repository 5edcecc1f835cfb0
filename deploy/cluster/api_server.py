"""The one thing that is asked of Kubernetes' API: a Secret of the pod's own namespace."""

import json
import os
import ssl
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

POD_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ANSWER_SECONDS = 10.0
ANSWER_BYTES_MAX = 4 * 1024 * 1024
"""A Secret has at most 1 MiB, in base64."""

_TRANSIENT = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


class Refused(Exception):
    """The API server does not do it, and asking again would not help."""


class Conflict(Exception):
    """Somebody else has written since it was read."""


class NotAnswered(Exception):
    """The API server is not there, or not now."""


@dataclass(frozen=True)
class SecretVersion:
    """The decoded values of a Secret, as they were at ``version``."""

    version: str
    values: Mapping[str, str]

    def __repr__(self) -> str:
        return f"SecretVersion({self.version})"


@dataclass(frozen=True)
class ApiServer:
    """Where the API server is. ``folder`` has ``ca.crt``, ``token`` and ``namespace``, as kubelets mount them."""

    host: str
    port: int
    folder: Path

    @classmethod
    def of_this_pod(cls) -> Self:
        """The one that runs this pod."""
        try:
            host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
        except (KeyError, ValueError) as error:
            raise Refused("this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are missing") from error
        return cls(host, port, POD_FOLDER)

    def read_secret(self, name: str) -> SecretVersion:
        """The Secret as it is.

        :raises Refused: when there is none, or it is not ours to read.
        """
        answer = self._ask("GET", name)
        data = answer.get("data") or {}
        return SecretVersion(
            version=answer["metadata"]["resourceVersion"],
            values={key: b64decode(value).decode(errors="replace") for key, value in data.items()},
        )

    def add_to_secret(self, name: str, version: str, values: Mapping[str, str]) -> None:
        """Set ``values`` if the Secret is still as it was at ``version``; other keys stay.

        :raises Conflict: when it is not.
        """
        encoded = {key: b64encode(value.encode()).decode() for key, value in values.items()}
        self._ask("PATCH", name, {"metadata": {"resourceVersion": version}, "data": encoded})

    def _ask(self, verb: str, name: str, patch: Mapping[str, Any] | None = None) -> dict[str, Any]:
        namespace = self._text("namespace")
        headers = {"authorization": f"Bearer {self._text('token')}", "accept": "application/json"}
        if patch is not None:
            headers["content-type"] = "application/merge-patch+json"
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets/{quote(name, safe='')}"
        try:
            connection = HTTPSConnection(self.host, self.port, timeout=ANSWER_SECONDS, context=self._trust())
            try:
                connection.request(verb, path, json.dumps(patch) if patch is not None else None, headers)
                answer = connection.getresponse()
                body = answer.read(ANSWER_BYTES_MAX)
            finally:
                connection.close()
        except ssl.SSLCertVerificationError as error:
            raise Refused(f"the API server's certificate is not its CA's: {error.verify_message}") from error
        except (OSError, HTTPException) as error:
            raise NotAnswered(f"the API server does not answer: {error}") from error
        return _read(answer.status, body)

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "ca.crt"))

    def _text(self, name: str) -> str:
        try:
            return (self.folder / name).read_text().strip()
        except OSError as error:
            raise Refused(f"{self.folder / name} cannot be read: {error.strerror}") from error


def _read(status: int, body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    if status == HTTPStatus.OK and isinstance(answer, dict) and "metadata" in answer:
        return answer
    if status == HTTPStatus.CONFLICT:
        raise Conflict
    said = answer.get("message", "") if isinstance(answer, dict) else ""
    if status in _TRANSIENT or status == HTTPStatus.OK:
        raise NotAnswered(f"the API server answers {status}: {said or 'not with JSON'}")
    raise Refused(f"the API server answers {status}: {said}")
