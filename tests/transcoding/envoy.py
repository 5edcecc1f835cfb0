"""Envoy as the other transcoder: its binary, its configuration, its process."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from deploy.local.environments import bare_environment
from deploy.local.ports import HOST
from deploy.local.process import Process

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv-tools"

ANSWER_SECONDS = 2.0

_API = "type.googleapis.com/envoy.extensions"

TRANSCODER_OPTIONS: dict[str, Any] = {
    "auto_mapping": False,
    "convert_grpc_status": True,
    "print_options": {
        "add_whitespace": False,
        "always_print_primitive_fields": True,
        "always_print_enums_as_ints": False,
        "preserve_proto_field_names": False,
    },
    "url_unescape_spec": "ALL_CHARACTERS_EXCEPT_SLASH",
    "query_param_unescape_plus": True,
    "request_validation_options": {
        "reject_unknown_method": True,
        "reject_unknown_query_parameters": True,
        "reject_binding_body_field_collisions": True,
    },
}
"""Of what Envoy offers the nearest to ours, so that only what cannot be set differs."""


def find_envoy() -> Path | None:
    """The binary in the tools' environment."""
    return next(TOOLS.glob("lib/python3.*/site-packages/envoy/_bin/envoy"), None)


def envoy_process(binary: Path, directory: Path, port: int, backend: str, services: Iterable[str]) -> Process:
    """Envoy at ``port`` in front of the gRPC server at ``backend``.

    ``directory`` has the contract's descriptors, ``descriptors.binpb``, and takes the configuration.
    """
    configuration = directory / "envoy.json"
    configuration.write_text(json.dumps(_configuration(port, backend, directory / "descriptors.binpb", services)))

    async def probe() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as client:
            await client.get(f"http://{HOST}:{port}/")

    return Process(
        name="envoy",
        command=(
            *(str(binary), "--config-path", str(configuration), "--concurrency", "1"),
            *("--disable-hot-restart", "--log-level", "warning"),
        ),
        environment=bare_environment(os.environ),
        probe=probe,
    )


def _configuration(port: int, backend: str, descriptors: Path, services: Iterable[str]) -> dict[str, Any]:
    host, _, backend_port = backend.partition(":")
    transcoder = {"proto_descriptor": str(descriptors), "services": list(services), **TRANSCODER_OPTIONS}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "backend"}}
    manager = {
        "@type": f"{_API}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            _filter("grpc_json_transcoder", "grpc_json_transcoder.v3.GrpcJsonTranscoder", transcoder),
            _filter("router", "router.v3.Router", {}),
        ],
    }
    listener = {
        "address": _address(HOST, port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    http2 = {
        "@type": f"{_API}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    cluster = {
        "name": "backend",
        "type": "STATIC",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
        "load_assignment": {
            "cluster_name": "backend",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(host, int(backend_port))}}]}],
        },
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _filter(name: str, message: str, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {"@type": f"{_API}.filters.http.{message}", **options},
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
