"""The part of Kubernetes' API that keeps one Secret, over TLS and with its rules: tokens, versions, merge patches."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from chassis.certificates import CERTIFICATE, KEY
from chassis.testing_tls import TestAuthority
from deploy.cluster.api_server import ApiServer

TOKEN = "the-pods-own-token"
PATH = "/api/v1/namespaces/shop/secrets/ordermesh"


class SecretEndpoint:
    """``data`` is as the API shows it, in base64; ``refusals`` are statuses that come first.

    ``on_read`` runs after each read was made and before it is answered.
    """

    def __init__(self) -> None:
        self.data: dict[str, str] | None = None
        self.version = 1
        self.writes: list[set[str]] = []
        self.refusals: list[int] = []
        self.on_read: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def answer(self, verb: str, path: str, headers: Any, body: bytes) -> tuple[int, Any]:
        if headers["authorization"] != f"Bearer {TOKEN}":
            return 401, {"kind": "Status", "message": "Unauthorized"}
        if self.refusals:
            return self.refusals.pop(0), {"kind": "Status", "message": "said by the API server"}
        if path != PATH:
            return 404, {"kind": "Status", "message": f"{path} not found"}
        if verb == "GET":
            seen = self._seen()
            self.on_read()
            return 200, seen
        if headers["content-type"] != "application/merge-patch+json":
            return 415, {"kind": "Status", "message": "the body of the request was in an unknown format"}
        with self._lock:
            return self._patch(json.loads(body))

    def write(self, key: str, value: str) -> None:
        """Somebody else writes."""
        with self._lock:
            self.data = {**(self.data or {}), key: value}
            self.version += 1

    def _patch(self, patch: dict[str, Any]) -> tuple[int, Any]:
        if patch["metadata"].get("resourceVersion") not in {None, str(self.version)}:
            return 409, {"kind": "Status", "message": "the object has been modified"}
        self.writes.append(set(patch["data"]))
        self.data = {**(self.data or {}), **patch["data"]}
        self.version += 1
        return 200, self._seen()

    def _seen(self) -> dict[str, Any]:
        seen: dict[str, Any] = {"kind": "Secret", "metadata": {"resourceVersion": str(self.version)}}
        return seen if self.data is None else {**seen, "data": dict(self.data)}


@contextmanager
def serving(endpoint: SecretEndpoint, folder: Path) -> Iterator[ApiServer]:
    """The endpoint at a free port, and what a pod knows of it."""
    files = TestAuthority(folder).issue("api", "127.0.0.1")
    (folder / "token").write_text(f"{TOKEN}\n")
    (folder / "namespace").write_text("shop")

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, answer = endpoint.answer(self.command, self.path, self.headers, body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PATCH = _answer  # noqa: N815 - the parent's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[CERTIFICATE], files[KEY])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield ApiServer("127.0.0.1", server.server_port, folder)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
