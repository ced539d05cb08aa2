"""Real servers behind the caches and the index, one of each for a test worker, and a place of every type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration_tests.fan_out.places import DeliveryStream, Events, Index, Place, Queue, Stream, Topic, Values
from integration_tests.fan_out.running import Running
from integration_tests.servers.caches import Cache, memcached, redis
from integration_tests.servers.mqtt import subscribed
from integration_tests.servers.opensearch import Node, opensearch
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.factories import Factories

# Partition keys of the stories; a cache has one value for each.
KEYS = tuple(f"key-{number}" for number in range(40))


@pytest.fixture(scope="session")
def search_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with opensearch(tmp_path_factory.mktemp("opensearch")) as node:
        yield node


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Cache]:
    with redis(tmp_path) as cache:
        yield cache


@pytest.fixture
def memcached_server(tmp_path: Path) -> Iterator[Cache]:
    with memcached(tmp_path) as cache:
        yield cache


@pytest.fixture
def own(account: Callable[[], str], clients: Callable[[str], Clients]) -> Clients:
    """The account of the platform."""
    return clients(account())


@pytest.fixture
def running(own: Clients, make: Factories) -> Running:
    return Running(own, make)


@pytest.fixture
def patient(own: Clients, make: Factories) -> Running:
    """A platform that stays on the direct lanes however slow this machine is."""
    return Running(own, make, patience_s=50)


@pytest.fixture
def place(own: Clients, place_of: Callable[[Clients], Callable[..., Place]]) -> Callable[..., Place]:
    """`place("sqs", collapse="none")` is a new target of a type, with options of its row."""
    return place_of(own)


@pytest.fixture
def place_of(
    request: pytest.FixtureRequest, cloud: Cloud, make: Factories, unique: Callable[[str], str]
) -> Iterator[Callable[[Clients], Callable[..., Place]]]:
    """`place_of(other)` makes targets in another account, `place_of(other, factories)` in its Region."""
    listening = ExitStack()

    def values(kind: str, server: str, read: Callable[[Cache], list[bytes]], **options: Any) -> Place:
        cache: Cache = request.getfixturevalue(server)
        return Values(kind, cache, lambda: read(cache), **options)

    def topic(own: Clients, **options: Any) -> Place:
        name = f"orders/{unique('topic')}"
        return Topic(own, listening.enter_context(subscribed(own, str(cloud.endpoint), name)), name, **options)

    def places(own: Clients, making: Factories = make) -> Callable[..., Place]:
        return lambda name, **options: makers(own, making)[name](**options)

    def makers(own: Clients, make: Factories) -> dict[str, Callable[..., Place]]:
        return {
            "sns": lambda **more: Queue(own, make, unique("topic"), topic=True, **more),
            "sns-fifo": lambda **more: Queue(own, make, unique("topic"), topic=True, fifo=True, **more),
            "sqs": lambda **more: Queue(own, make, unique("queue"), **more),
            "sqs-fifo": lambda **more: Queue(own, make, unique("queue"), fifo=True, **more),
            "es": lambda **more: Index(request.getfixturevalue("search_node"), unique("index"), **more),
            "kinesis": lambda **more: Stream(own, make, **more),
            "firehose": lambda **more: DeliveryStream(own, make, unique("delivery"), **more),
            "iot": lambda **more: topic(own, **more),
            "lambda": lambda **more: Events(own, make, **more),
            "memcached": lambda **more: values("memcached", "memcached_server", _in_memcached, **more),
            "redis": lambda **more: values("redis", "redis_server", _in_redis, **more),
        }

    with listening:
        yield places


def _in_memcached(cache: Cache) -> list[bytes]:
    from pymemcache.client.base import Client

    client = Client(cache.address)
    try:
        found = client.get_many(KEYS)
    finally:
        client.close()
    return [found[key] for key in KEYS if key in found]


def _in_redis(cache: Cache) -> list[bytes]:
    from redis import Redis

    with Redis(port=cache.port) as client:
        return [value for value in client.mget(KEYS) if value is not None]
