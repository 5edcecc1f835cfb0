"""The versions that a result holds for."""

import platform
from collections.abc import Mapping
from importlib.metadata import version

from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from deploy.local.redis_server import redis_url
from tests.faults.rig.mesh import Mesh

LIBRARIES = ("grpcio", "protobuf", "pymongo", "redis", "aioboto3", "uvicorn")


async def versions_of(mesh: Mesh) -> Mapping[str, str]:
    """Of Python, of the servers that run, and of the libraries that matter here."""
    async with AsyncMongoClient[dict[str, object]](mesh.mongo_uri) as client:
        mongod = (await client.server_info())["version"]
    async with Redis.from_url(redis_url(mesh.settings.ports["redis"].number)) as client:
        about = await client.info("server")
    redis = about.get("valkey_version", about["redis_version"])
    servers = {"Python": platform.python_version(), "mongod": str(mongod), "Redis or Valkey": str(redis)}
    return servers | {name: version(name) for name in LIBRARIES}
