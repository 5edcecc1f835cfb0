"""What is asked: the services of our contract and of ``archive.proto``, and their descriptors for Envoy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from gateway.app import SERVICES

HERE = Path(__file__).parent
PROTOS = HERE.parents[1] / "protos"
GOOGLE_API = Path(annotations_pb2.__file__).parents[2]
GOOGLE_PROTOBUF = Path(protoc.__file__).parent / "_proto"
ERROR_DETAILS = "google/rpc/error_details.proto"
"""Envoy writes the details of an error only when it knows their types."""


@dataclass(frozen=True)
class Contract:
    """Services by name, and the files that describe them with all that they import."""

    services: Mapping[str, ServiceDescriptor]
    files: FileDescriptorSet


def read_contract(directory: Path) -> Contract:
    """Compile the protos; ``directory`` takes what the compiler writes."""
    target = directory / "descriptors.binpb"
    own = [str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto")]
    places = [f"-I{place}" for place in (PROTOS, HERE, GOOGLE_API, GOOGLE_PROTOBUF)]
    code = protoc.main(
        ["", *places, "--include_imports", f"--descriptor_set_out={target}", *own, "archive.proto", ERROR_DETAILS]
    )
    assert code == 0, "the protos cannot be compiled"
    files = FileDescriptorSet.FromString(target.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return Contract({**SERVICES, "archive": pool.FindServiceByName("archive.v1.Archive")}, files)
