"""Redis over TLS, and what is wrong with a URL for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from ssl import CERT_REQUIRED, Purpose, SSLContext, create_default_context
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis, SSLConnection
from redis.exceptions import RedisError

from chassis.certificates import CA, CERTIFICATE, KEY
from chassis.config import ConfigError
from chassis.redis import RedisConfig, open_redis
from chassis.redis_tls import share_tls
from chassis.testing_tls import TestAuthority
from services.orders.config import OrdersConfig
from services.orders.tests.test_config import COMPLETE


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path / "certificates")


@pytest.fixture
async def address(authority: TestAuthority, redis_url: str) -> AsyncIterator[str]:
    """A real Redis behind TLS that wants a certificate of its clients."""
    plain = urlsplit(redis_url)
    assert plain.hostname is not None
    keys = authority.issue(plain.hostname)
    context = create_default_context(Purpose.CLIENT_AUTH, cafile=keys[CA])
    context.verify_mode = CERT_REQUIRED
    context.load_cert_chain(keys[CERTIFICATE], keys[KEY])

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection(plain.hostname, plain.port)
        await asyncio.gather(pipe(reader, to_redis), pipe(from_redis, writer))

    async with await asyncio.start_server(relay, plain.hostname, 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"rediss://{plain.hostname}:{port}/0?{query(authority.issue('orders'))}"


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(65_536):
        writer.write(some)
    writer.close()


def query(keys: dict[str, str]) -> str:
    return f"ssl_ca_certs={keys[CA]}&ssl_certfile={keys[CERTIFICATE]}&ssl_keyfile={keys[KEY]}"


async def test_a_cache_behind_tls_answers(address: str) -> None:
    async with Redis.from_url(address) as redis:
        share_tls(redis)
        await redis.set("order:o-1", b"done")

        assert await redis.get("order:o-1") == b"done"


async def test_a_redis_of_a_foreign_ca_is_not_used(address: str, tmp_path: Path) -> None:
    foreign = TestAuthority(tmp_path / "foreign").issue("orders")
    async with Redis.from_url(f"{address.partition('?')[0]}?{query(foreign)}") as redis:
        share_tls(redis)
        with pytest.raises(RedisError, match="CERTIFICATE_VERIFY_FAILED"):
            await redis.get("order:o-1")


async def test_tls_checks_certificates_and_names_and_is_prepared_once_for_all_connections(
    authority: TestAuthority,
) -> None:
    async with open_redis(RedisConfig(f"rediss://cache.example.com/0?{query(authority.issue('orders'))}")) as redis:
        pool: Any = redis.connection_pool
        contexts = [context_of(pool.make_connection()) for _ in range(2)]

    assert contexts[0] is contexts[1]
    assert contexts[0].check_hostname, "and a certificate is required then"


def context_of(connection: object) -> SSLContext:
    assert isinstance(connection, SSLConnection)
    return connection.ssl_context.get()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://u:hunter2@cache", "is no Redis URL"),
        ("redis://u:hun/ter2@cache:6379", "is no Redis URL"),
        ("rediss://u:hunter2@cache?ssl_ca=/etc/ca.pem", "is no Redis URL, or has an option"),
        ("rediss://u:hunter2@cache?ssl_cert_reqs=maybe", "is no Redis URL, or has an option"),
        ("rediss://u:hunter2@cache?ssl_ca_certs=/nowhere.pem", "cannot be used: No such file or directory"),
    ],
)
def test_a_url_that_redis_cannot_be_found_with_stops_the_start_and_keeps_its_password(url: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=r"^REDIS_URL ") as caught:
        OrdersConfig.from_environment({**COMPLETE, "REDIS_URL": url})

    assert problem in str(caught.value)
    assert "hun" not in str(caught.value)
