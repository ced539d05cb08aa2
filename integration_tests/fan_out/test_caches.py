"""Caches as they are on AWS: with TLS and a password, in cluster mode, with a time to live. The servers are real."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis import Redis

from handlers.fan_out.access import access_of
from handlers.fan_out.contract import Message, Refused, Unit
from handlers.fan_out.destinations import destination_of
from handlers.fan_out.rows import item_of, row_of
from integration_tests.servers.caches import redis
from integration_tests.support.waiting import eventually
from localcloud.ports import LOOPBACK, free_port

pytestmark = pytest.mark.local

SOURCE = "arn:aws:kinesis:eu-west-1:111111111111:stream/inputStream"
SECRET = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:cache-a1B2c3"
VALUES = {f"key-{number}": b"\x00\r\n\xff%d" % number for number in range(300)}


def units() -> list[Unit]:
    return [Unit(data, (Message(0, None, key, f"shard:{key}", data),)) for key, data in VALUES.items()]


def sent(address: str, password: str = "", **options: Any) -> Sequence[Refused]:
    """One call of a target of type redis; what it did not take."""
    given = {"sourceArn": SOURCE, "id": "t", "type": "redis", "destination": address, "active": True, **options}
    row, destination = row_of(item_of(given)), destination_of("redis")
    access = access_of(row, 2)._replace(secret=lambda _arn: password)
    return destination.open(row, destination.parse(row), access)(units())


def values(client: Redis) -> dict[str, Any]:
    return {key: client.get(key) for key in VALUES}


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of this machine that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cache")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "cache.crt", tmp_path / "cache.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def test_a_cache_with_tls_and_a_password_is_reached_by_who_knows_both(
    certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    files = ("--tls-cert-file", str(certificate[0]), "--tls-key-file", str(certificate[1]), "--tls-auth-clients", "no")
    with redis(tmp_path, "--tls-port", str(port), *files, "--requirepass", "word") as cache:
        address = f"rediss://{LOOPBACK}:{port}"
        refused = sent(address, "word", secret=SECRET)
        assert {one.cause.name for one in refused} == {"TRANSIENT"}
        assert "CERTIFICATE_VERIFY_FAILED" in refused[0].reason
        # As Lambda's machines trust Amazon's authority.
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert {one.cause.name for one in sent(address, "guessed", ttlSeconds=50, secret=SECRET)} == {"REFUSED"}
        assert sent(address, "word", ttlSeconds=100, secret=SECRET) == []
        client = Redis(port=cache.port, password="word")
        assert values(client) == VALUES
        assert all(0 < client.ttl(key) <= 100 for key in VALUES)


def test_a_cache_in_cluster_mode_takes_keys_of_every_slot(tmp_path: Path) -> None:
    """The original set them by one MSET, which a cluster refuses where keys are of several slots."""
    with redis(tmp_path, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as cache:
        client = Redis(port=cache.port)
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        eventually(
            lambda: client.execute_command("CLUSTER", "INFO"),
            until=lambda said: "cluster_state:ok" in str(said),
            timeout=30,
        )
        assert sent(cache.address, cluster=True) == []
        assert values(client) == VALUES
