"""Caches and domains have the endpoints that they were given, and a Memcached cluster has auto-discovery.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoDiscovery.AddingToYourClientLibrary.html
"""

import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from handlers.fan_out.destinations.caches import Endpoint
from handlers.fan_out.destinations.discovery import nodes_of
from integration_tests.servers.caches import memcached

pytestmark = [pytest.mark.local, pytest.mark.differs("plain", "it has no control API")]


@pytest.fixture
def introduce(cloud: Any) -> Callable[..., Any]:
    """`introduce(own, service, name, addresses)` says where a resource's real servers are; the endpoint."""

    def said(own: Any, service: str, name: str, *addresses: str) -> Any:
        body = {"account": own.account_id, "region": own.region, "service": service, "name": name}
        data = json.dumps({**body, "addresses": addresses}).encode()
        with urlopen(Request(f"{cloud.endpoint}/_tributary/servers", data, method="POST")) as answer:
            return json.load(answer)["endpoint"]

    return said


def talk(address: str, *commands: bytes) -> list[bytes]:
    """The answers to commands that have one line, or end with END."""
    host, _, port = address.rpartition(":")
    answers = []
    with socket.create_connection((host, int(port)), 5) as connection, connection.makefile("rb") as lines:
        for command in commands:
            connection.sendall(command + b"\r\n")
            answer = lines.readline()
            while command.startswith((b"get", b"config")) and not answer.endswith((b"END\r\n", b"ERROR\r\n")):
                answer += lines.readline()
            answers.append(answer)
    return answers


def test_a_memcached_cluster_tells_its_nodes_and_stores_at_them(
    account: Any, clients: Any, unique: Any, introduce: Any, tmp_path: Any
) -> None:
    own, name = clients(account()), unique("c")
    own.elasticache.create_cache_cluster(
        CacheClusterId=name, Engine="memcached", NumCacheNodes=2, CacheNodeType="cache.t4g.micro"
    )
    with memcached(tmp_path) as first, memcached(tmp_path) as second:
        endpoint = introduce(own, "elasticache", name, first.address, second.address)
        [found] = own.elasticache.describe_cache_clusters(CacheClusterId=name, ShowCacheNodeInfo=True)["CacheClusters"]
        assert "{Address}:{Port}".format(**found["ConfigurationEndpoint"]) == endpoint
        nodes = [node["Endpoint"]["Port"] for node in found["CacheNodes"]]
        assert nodes == [first.port, second.port]

        listed = b"1\n127.0.0.1|127.0.0.1|%d 127.0.0.1|127.0.0.1|%d\n" % (first.port, second.port)
        discovery, stored = talk(endpoint, b"config get cluster", b"set key 0 0 3\r\nabc")
        assert discovery == b"CONFIG cluster 0 %d\r\n%b\r\nEND\r\n" % (len(listed), listed)
        assert stored == b"STORED\r\n"
        assert talk(first.address, b"get key") == [b"VALUE key 0 3\r\nabc\r\nEND\r\n"]
        assert nodes_of(Endpoint("127.0.0.1", int(endpoint.rpartition(":")[2])), 5, None) == [
            Endpoint("127.0.0.1", first.port),
            Endpoint("127.0.0.1", second.port),
        ]
        # What the real node does not know, the endpoint does.
        assert talk(first.address, b"config get cluster") == [b"ERROR\r\n"]


def test_replication_groups_and_domains_have_the_endpoints_that_they_were_given(
    account: Any, clients: Any, unique: Any, introduce: Any
) -> None:
    own, name = clients(account()), unique("r")
    own.elasticache.create_replication_group(
        ReplicationGroupId=name, ReplicationGroupDescription="a cache", CacheNodeType="cache.t4g.micro"
    )
    assert introduce(own, "elasticache", name, "127.0.0.1:6390") == "127.0.0.1:6390"
    [group] = own.elasticache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"]
    assert group["NodeGroups"][0]["PrimaryEndpoint"] == {"Address": "127.0.0.1", "Port": 6390}

    own.opensearch.create_domain(DomainName=name)
    introduce(own, "opensearch", name, "http://127.0.0.1:9200")
    assert own.opensearch.describe_domain(DomainName=name)["DomainStatus"]["Endpoint"] == "http://127.0.0.1:9200"


@pytest.mark.parametrize(
    ("service", "addresses", "message"),
    [
        ("memorydb", ["127.0.0.1:1"], "it must be one of elasticache, opensearch"),
        ("elasticache", ["127.0.0.1:1"], "There is no cache cluster and no replication group"),
        ("opensearch", ["127.0.0.1:1"], "There is no domain"),
        ("elasticache", ["nowhere"], "must be a host and a port"),
    ],
)
def test_a_mistake_is_named(
    account: Any, clients: Any, introduce: Any, service: str, addresses: list[str], message: str
) -> None:
    with pytest.raises(HTTPError) as refused:
        introduce(clients(account()), service, "nothing", *addresses)
    assert message in json.load(refused.value)["message"]
