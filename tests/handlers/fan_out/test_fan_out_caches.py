"""Memcached and Redis: which node and key a value goes to, what failures mean, which addresses are right."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5
from typing import Any

import pytest
from fake_memcached import Node
from fake_targets import FakeAccess, Service, row, sent, unit, units
from redis import exceptions

from handlers.fan_out.contract import Send, WrongRowError
from handlers.fan_out.destinations import destination_of, redis
from handlers.shared.errors import Cause

pytestmark = pytest.mark.pure

SECRET = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:orders-a1B2c3"


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    """Three nodes of one cluster."""
    made = [Node() for _ in range(3)]
    for node in made:
        node.nodes = [one.port for one in made]
    yield made
    for node in made:
        node.stop()


def cluster(node: Node, **options: Any) -> Send:
    """The calls of a target whose configuration endpoint the node is."""
    destination, target = destination_of("memcached"), row("memcached", f"127.0.0.1:{node.port}", **options)
    return destination.open(target, destination.parse(target), FakeAccess(None).access)


def test_values_go_to_the_node_that_the_original_s_readers_ask(nodes: list[Node]) -> None:
    given = [unit(b"\x00\r\n\xff%d" % number, f"key-{number}", number) for number in range(200)]
    assert cluster(nodes[0])(given) == []
    for one in given:
        first = md5(one.key.encode()).digest()[0]
        expected = nodes[0 if first < 85 else 1 if first < 170 else 2]
        assert expected.values[one.key.encode()] == (one.body, 0)
    assert sum(len(node.values) for node in nodes) == 200
    assert all(node.values for node in nodes)


def test_a_server_without_auto_discovery_is_the_only_node(nodes: list[Node]) -> None:
    nodes[0].nodes = None
    assert cluster(nodes[0])(units("a", "b")) == []
    assert nodes[0].values == {b"key-0": (b"a", 0), b"key-1": (b"b", 0)}


def test_keys_that_memcached_does_not_take_are_hashed_and_time_to_live_counts(nodes: list[Node]) -> None:
    nodes[0].nodes = None
    given = [unit("1", "two words"), unit("2", "k" * 251), unit("3", ""), unit("4", "clé"), unit("5", "newest")]
    assert cluster(nodes[0], ttlSeconds=60)([*given, unit("6", "newest")]) == []
    keys = list(nodes[0].values)
    assert [len(key) for key in keys] == [64, 64, 64, 4, 6]
    assert nodes[0].values[b"newest"] == (b"6", 60)


def test_the_list_of_nodes_is_kept_and_looked_up_again_when_one_fails(nodes: list[Node]) -> None:
    send = cluster(nodes[0])
    given = [unit("x", f"key-{number}", number) for number in range(50)]
    assert send(given) == send(given) == []
    assert nodes[0].discoveries == 1
    nodes[2].answer = b"SERVER_ERROR out of memory storing object\r\n"
    refused = send(given)
    assert {one.cause for one in refused} == {Cause.TRANSIENT}
    assert {one.unit.key.encode() for one in refused} == set(nodes[2].values)
    nodes[0].nodes = [nodes[0].port]
    assert send([one.unit for one in refused]) == []
    assert nodes[0].discoveries == 2


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"SERVER_ERROR out of memory storing object\r\n", Cause.TRANSIENT),
        (b"SERVER_ERROR object too large for cache\r\n", Cause.RECORD),
        (b"CLIENT_ERROR bad data chunk\r\n", Cause.RECORD),
        (b"NOT_STORED\r\n", Cause.TRANSIENT),
        (b"ERROR\r\n", Cause.REFUSED),
    ],
)
def test_an_answer_of_memcached_means_what_it_says(nodes: list[Node], answer: bytes, cause: Cause) -> None:
    nodes[0].nodes = None
    nodes[0].answer = answer
    [refused] = cluster(nodes[0])(units("x"))
    assert refused.cause is cause


def test_a_cluster_that_is_away_is_an_outage(nodes: list[Node]) -> None:
    nodes[0].nodes = None
    send = cluster(nodes[0])
    nodes[0].stop()
    with pytest.raises(OSError, match="refused"):
        send(units("x"))


@pytest.mark.parametrize(
    "answer", [b"CONFIG cluster 0 3\r\n12\n\r\nEND\r\n", b"CONFIG cluster 0 9\r\n12\nhost|1\n\r\nEND\r\n"]
)
def test_a_list_of_nodes_that_cannot_be_read_is_an_outage(
    nodes: list[Node], answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Node, "_answer", lambda _node, _words, _data: answer)
    with pytest.raises(ConnectionError, match="another form"):
        cluster(nodes[0])(units("x"))


class Pipeline:
    """A pipeline of the `redis` package."""

    def __init__(self, replies: list[Any]) -> None:
        self.replies = replies
        self.commands: list[tuple[bytes, bytes, int | None]] = []

    def pipeline(self, transaction: bool) -> Pipeline:
        assert not transaction
        return self

    def set(self, key: bytes, value: bytes, ex: int | None) -> None:
        self.commands.append((key, value, ex))

    def execute(self, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        if isinstance(self.replies[0], ConnectionError):
            raise self.replies[0]
        return self.replies


def cached(monkeypatch: pytest.MonkeyPatch, replies: list[Any], *given: Any, **options: Any) -> tuple[Any, Pipeline]:
    pipeline = Pipeline(replies)
    monkeypatch.setattr(redis, "_client", lambda _cache, _access, _session: pipeline)
    return sent("redis", row("redis", "cache.example.com", **options), FakeAccess(None), given), pipeline


def test_redis_gets_a_value_for_each_key(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [unit(b"\x00\xff", "clé"), unit("2", "")]
    refused, pipeline = cached(monkeypatch, [True, True], *given)
    assert (refused, pipeline.commands) == ([], [("clé".encode(), b"\x00\xff", None), (b"", b"2", None)])
    _, pipeline = cached(monkeypatch, [True], unit("3"), ttlSeconds=60)
    assert pipeline.commands == [(b"a", b"3", 60)]


def test_each_reply_of_redis_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = {
        True: None,
        exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."): Cause.TRANSIENT,
        exceptions.ResponseError("string exceeds maximum allowed size (proto-max-bulk-len)"): Cause.RECORD,
        exceptions.ReadOnlyError("You can't write against a read only replica."): Cause.TRANSIENT,
        exceptions.NoPermissionError("this user has no permissions to access one of the keys"): Cause.REFUSED,
        exceptions.MovedError("15495 10.0.0.1:6379"): Cause.REFUSED,
        exceptions.ResponseError("MISCONF Errors writing to the AOF file"): Cause.TRANSIENT,
        exceptions.ResponseError("NOAUTH Authentication required."): Cause.REFUSED,
        exceptions.TimeoutError("Timeout reading from socket"): Cause.SLOW,
        exceptions.AuthenticationError("invalid username-password pair"): Cause.REFUSED,
        exceptions.ConnectionError("Error 111 connecting"): Cause.TRANSIENT,
        exceptions.ClusterDownError("The cluster is down"): Cause.TRANSIENT,
    }
    refused, _ = cached(monkeypatch, list(replies), *units(*["x"] * len(replies)))
    assert [one.cause for one in refused] == list(replies.values())[1:]


def test_a_cache_that_is_away_took_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    refused, _ = cached(monkeypatch, [ConnectionRefusedError("no")], *units("x", "y"))
    assert [one.cause for one in refused] == [Cause.TRANSIENT, Cause.TRANSIENT]


@pytest.mark.parametrize(
    ("address", "options", "host", "port", "tls", "in_cluster"),
    [
        ("o.a1.ng.0001.euw1.cache.amazonaws.com:6379", {}, "o.a1.ng.0001.euw1.cache.amazonaws.com", 6379, False, False),
        ("master.o.a1.euw1.cache.amazonaws.com", {}, "master.o.a1.euw1.cache.amazonaws.com", 6379, True, False),
        ("clustercfg.o.a1.euw1.cache.amazonaws.com", {}, "clustercfg.o.a1.euw1.cache.amazonaws.com", 6379, True, True),
        ("o.a1.clustercfg.euw1.cache.amazonaws.com", {}, "o.a1.clustercfg.euw1.cache.amazonaws.com", 6379, False, True),
        ("o-a1.serverless.euw1.cache.amazonaws.com", {}, "o-a1.serverless.euw1.cache.amazonaws.com", 6379, True, True),
        ("rediss://cache.example.com:6390", {}, "cache.example.com", 6390, True, False),
        ("redis://cache.example.com", {"tls": True, "cluster": True}, "cache.example.com", 6379, True, True),
        (
            "master.o.a1.euw1.cache.amazonaws.com",
            {"tls": False},
            "master.o.a1.euw1.cache.amazonaws.com",
            6379,
            False,
            False,
        ),
    ],
)
def test_the_name_of_an_endpoint_tells_how_to_talk_to_it(
    address: str, options: dict[str, Any], host: str, port: int, tls: bool, in_cluster: bool
) -> None:
    cache = destination_of("redis").parse(row("redis", address, **options))
    assert (*cache.endpoint, cache.tls, cache.cluster) == (host, port, tls, in_cluster)


@pytest.mark.parametrize(
    ("secret", "username", "password"),
    [
        ("word", None, "word"),
        ('{"username": "u", "password": "p"}', "u", "p"),
        ('{"password": "p"}', None, "p"),
        ("12", None, "12"),
    ],
)
def test_a_secret_is_a_password_or_a_user_with_one(secret: str, username: str | None, password: str) -> None:
    cache = destination_of("redis").parse(row("redis", "cache.example.com", secret=SECRET))
    client = redis._client(cache, FakeAccess(Service(), secrets={SECRET: secret}).access, None)
    options = client.connection_pool.connection_kwargs
    assert (options.get("username"), options["password"]) == (username, password)


def test_only_a_secret_needs_a_permission() -> None:
    def grants(**options: Any) -> Any:
        target = row("redis", "cache.example.com", **options)
        return destination_of("redis").grants(target, destination_of("redis").parse(target))

    assert grants() is None
    assert grants(secret=SECRET) == (["secretsmanager:GetSecretValue"], SECRET)


WRONG = [
    ("memcached", "a cluster", {}, "destination", "it must be the endpoint of a cluster, like orders.a1b2c3.cfg."),
    ("memcached", "cache.example.com:0", {}, "destination", "the endpoint of a cluster"),
    ("memcached", "cache.example.com", {"ttlSeconds": 2_592_001}, "ttlSeconds", "from 0 to 2592000"),
    ("memcached", "cache.example.com", {"role": "arn:aws:iam::222222222222:role/x"}, "role", "leave it out"),
    ("redis", "cache.example.com", {"region": "eu-west-1"}, "region", "leave it out"),
    ("redis", "http://cache.example.com", {}, "destination", "the primary or configuration endpoint of a cache"),
    ("redis", "cache.example.com", {"tls": "yes"}, "tls", "it must be true or false"),
    ("redis", "cache.example.com", {"ttlSecond": 5}, "ttlSecond", "ttlSeconds is"),
    ("redis", "cache.example.com", {"secret": "pa55word"}, "secret", "never the password itself"),
]


@pytest.mark.parametrize(("kind", "address", "options", "option", "right"), WRONG)
def test_a_wrong_row_names_the_option_and_what_is_right(
    kind: str, address: str, options: dict[str, Any], option: str, right: str
) -> None:
    with pytest.raises(WrongRowError) as wrong:
        destination_of(kind).parse(row(kind, address, **options))
    assert wrong.value.option == option
    assert right in str(wrong.value)
