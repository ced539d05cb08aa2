"""One stream, a target of each of the nine types, and the same records at all of them.

The servers are real: Redis, Memcached, OpenSearch; what the local cloud has itself are queues, topics, streams, buckets
and functions.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from integration_tests.fan_out.comparing import KEYS, compare, orders
from integration_tests.fan_out.places import Place
from integration_tests.fan_out.running import Running, put
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.factories import Factories
from integration_tests.support.waiting import eventually

pytestmark = [pytest.mark.local, pytest.mark.differs("plain", "it has no control API")]

RECORDS = 10_000
TARGETS = ("sns", "sns-fifo", "sqs", "sqs-fifo", "es", "kinesis", "firehose", "iot", "lambda", "memcached", "redis")


@pytest.fixture
def targets(cloud: Cloud) -> list[str]:
    """Those of the nine types that the cloud has."""
    return [name for name in TARGETS if name != "iot" or not cloud.lacks("message broker")]


def test_nine_types_of_targets_have_the_same_records(
    own: Clients, cloud: Cloud, make: Factories, patient: Running, place: Callable[..., Place], targets: list[str]
) -> None:
    source = make.stream(own.account_id, shards=2)
    places = {name: place(name, **({"parallel": False} if name == "kinesis" else {})) for name in targets}
    patient.register(source, {name: one.row for name, one in places.items()})
    records = orders(cloud.many(RECORDS))
    put(own.kinesis, source, records)
    patient.hook(source)
    for name, one in places.items():
        compare(name, one, records)
    assert patient.behind() == set()
    assert {name: patient.kept(name) for name in places} == {name: [] for name in places}


# What the stream brings, and which types of targets can never take it.
ODD = {
    "small": (b'{"size":"small"}', ()),
    "binary": (b"\x00\xff\r\x80", ("sns", "sqs", "es")),
    "over IoT's 128 KiB": (b'{"text":"%b"}' % (b"t" * 200_000), ("iot",)),
    "over SNS's 256 KiB": (b'{"text":"%b"}' % (b"t" * 300_000), ("iot", "sns")),
    # In base64 more than the 1 MiB of an event that Lambda keeps.
    "nearly 1 MiB": (b'{"text":"%b"}' % (b"t" * 1_040_000), ("iot", "sns", "firehose", "lambda")),
}


def test_what_a_target_can_never_take_is_kept_whole_and_everything_else_arrives(
    own: Clients, make: Factories, patient: Running, place: Callable[..., Place], targets: list[str]
) -> None:
    """A record alone in its batch that is too large ended the original's function; binary data came out otherwise."""
    source = make.stream(own.account_id)
    single = {"sns", "sqs", "iot"}
    names = [name for name in targets if not name.endswith("fifo")]
    places = {name: place(name, **({"collapse": "none"} if name in single else {})) for name in names}
    patient.register(source, {name: one.row for name, one in places.items()})
    patient.hook(source)
    put(own.kinesis, source, [(KEYS[number], data) for number, (data, _) in enumerate(ODD.values())])
    for name, one in places.items():
        taken = sorted(data for data, refusing in ODD.values() if name not in refusing)
        refused = sorted(data for data, refusing in ODD.values() if name in refusing)
        eventually(lambda one=one: len(one.arrived()), equals=len(taken), timeout=60, interval=0.2)
        assert sorted(one.arrived()) == taken, name
        eventually(lambda name=name: len(patient.kept(name)), equals=len(refused), timeout=60, interval=0.2)
        records = [json.loads(kept["payload"])["Records"] for kept in patient.kept(name)]
        assert sorted(base64.b64decode(one["kinesis"]["data"]) for [one] in records) == refused, name
    assert patient.behind() == set()
