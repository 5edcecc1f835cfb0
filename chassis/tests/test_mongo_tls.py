"""MongoDB over TLS, as its URI says."""

from pathlib import Path
from ssl import CERT_REQUIRED, SSLContext

import pytest

from chassis.certificates import CA, CERTIFICATE, KEY
from chassis.config import ConfigError, Environment
from chassis.mongo import MongoConfig, open_database
from chassis.testing_tls import TestAuthority

URI = "mongodb://u:hunter2@db.example.com/?replicaSet=rs0"


def read(options: str) -> MongoConfig:
    env = Environment({"MONGO_URI": f"{URI}&{options}"})
    config = MongoConfig.read(env, "orders")
    env.check()
    return config


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    return TestAuthority(tmp_path).issue("orders")


@pytest.fixture
def pair(keys: dict[str, str], tmp_path: Path) -> str:
    """Certificate and key in one file, as MongoDB's drivers want them."""
    path = tmp_path / "pair.pem"
    path.write_bytes(Path(keys[CERTIFICATE]).read_bytes() + Path(keys[KEY]).read_bytes())
    return str(path)


async def test_the_files_in_the_uri_reach_the_driver(keys: dict[str, str], pair: str) -> None:
    config = read(f"tls=true&tlsCAFile={keys[CA]}&tlsCertificateKeyFile={pair}")

    async with open_database(config) as database:
        context: SSLContext | None = database.client.options.pool_options._ssl_context  # type: ignore[assignment] # noqa: SLF001

    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1, "those of the system are not believed then"


def test_a_file_that_is_not_there_stops_the_start() -> None:
    with pytest.raises(ConfigError) as caught:
        read("tls=true&tlsCAFile=/nowhere.pem")

    assert str(caught.value) == "MONGO_URI names a file for TLS that cannot be read: No such file or directory"


@pytest.mark.parametrize("options", ["tls=true&tlsCAFile={}", "tls=false&tlsCAFile={}"])
async def test_what_tls_cannot_be_spoken_with_stops_the_start(tmp_path: Path, options: str) -> None:
    (tmp_path / "ca.pem").write_text("hello")
    config = read(options.format(tmp_path / "ca.pem"))

    with pytest.raises(ConfigError, match=r"^MONGO_URI: ") as caught:
        async with open_database(config):
            pass

    assert "hunter2" not in str(caught.value)
