"""Aggregates and changes of items through every way of joining, and two sources that never meet."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handlers.fan_out.access import access_of
from handlers.fan_out.contract import Message, Unit
from handlers.fan_out.destinations import destination_of
from handlers.fan_out.rows import item_of, row_of
from integration_tests.fan_out.places import Place, Queue
from integration_tests.fan_out.running import Running
from integration_tests.servers.caches import redis
from integration_tests.support.addressing import Clients
from integration_tests.support.factories import Factories
from integration_tests.support.waiting import eventually

pytestmark = [pytest.mark.local, pytest.mark.differs("plain", "it has no control API")]

COLLAPSES = ("none", "JSON", "concat", "concat-b64")


def taken(place: Place, count: int) -> list[str]:
    assert isinstance(place, Queue)
    return eventually(place.taken, until=lambda bodies: len(bodies) >= count, timeout=60, interval=0.2)


def joined(data: list[bytes]) -> dict[str, list[str]]:
    """The bodies that data come to, by the way of joining."""
    texts = [one.decode() for one in data]
    return {
        "none": texts,
        "JSON": [f'{{"Records":[{",".join(texts)}]}}'],
        "concat": ["".join(texts)],
        "concat-b64": [base64.b64encode(b"".join(data)).decode()],
    }


def test_an_aggregate_is_taken_apart_where_the_row_says_so(
    own: Clients, make: Factories, running: Running, place: Callable[..., Place]
) -> None:
    aggregator = pytest.importorskip("aws_kinesis_agg.aggregator")
    source = make.stream(own.account_id)
    places = {way: place("sqs", collapse=way, deaggregate=True, parallel=False) for way in COLLAPSES}
    whole = place("sqs", collapse="concat-b64")
    running.register(source, {**{way: one.row for way, one in places.items()}, "whole": whole.row})
    data = [json.dumps({"n": number}, separators=(",", ":")).encode() for number in range(50)]
    packer = aggregator.RecordAggregator()
    for number, one in enumerate(data):
        packer.add_user_record(f"key-{number}", one)
    key, _, blob = packer.clear_and_get().get_contents()
    own.kinesis.put_record(StreamARN=source, PartitionKey=key, Data=blob)
    running.hook(source)
    for way, bodies in joined(data).items():
        assert sorted(taken(places[way], len(bodies))) == sorted(bodies), way
    assert [base64.b64decode(body) for body in taken(whole, 1)] == [blob]


def test_changes_of_items_of_every_kind_come_through_every_way_of_joining(
    own: Clients, make: Factories, running: Running, place: Callable[..., Place]
) -> None:
    """Of a removed item the original sent `{}`, and numbers lost digits."""
    table = make.table(own.account_id, view="NEW_AND_OLD_IMAGES")
    name, source = table["TableName"], table["LatestStreamArn"]
    plain = {way: place("sqs", collapse=way, convertDDB=True, parallel=False) for way in COLLAPSES}
    typed = place("sqs", collapse="none", parallel=False)
    running.register(source, {**{way: one.row for way, one in plain.items()}, "typed": typed.row})
    number, data = "123456789012345678901234567890.12345678", base64.b64encode(b"\x00\xff").decode()
    first = {"pk": {"S": "a"}, "n": {"N": number}, "b": {"B": b"\x00\xff"}, "s": {"SS": ["x"]}}
    own.dynamodb.put_item(TableName=name, Item=first)
    own.dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}, "n": {"N": "1"}})
    own.dynamodb.delete_item(TableName=name, Key={"pk": {"S": "a"}})
    running.hook(source)

    expected = [
        f'{{"pk":"a","n":{number},"b":"{data}","s":["x"]}}',
        '{"pk":"a","n":1}',
        '{"eventName":"REMOVE","keys":{"pk":"a"}}',
    ]
    found = [json.loads(body, parse_float=str) for body in taken(plain["none"], 3)]
    assert sorted(map(str, found)) == sorted(str(json.loads(one, parse_float=str)) for one in expected)
    [document] = taken(plain["JSON"], 1)
    assert json.loads(document, parse_float=str)["Records"] == [json.loads(one, parse_float=str) for one in expected]
    [text] = taken(plain["concat"], 1)
    [coded] = taken(plain["concat-b64"], 1)
    assert base64.b64decode(coded).decode() == text
    assert f'{{"Records":[{text.replace("}{", "},{")}]}}' == document

    changes = {change["eventName"]: change for change in map(json.loads, taken(typed, 3))}
    assert sorted(changes) == ["INSERT", "MODIFY", "REMOVE"]
    assert changes["INSERT"]["newImage"] == {**first, "b": {"B": data}}
    assert "oldImage" not in changes["INSERT"]
    assert changes["MODIFY"]["oldImage"]["n"] == {"N": number}
    assert changes["REMOVE"]["keys"] == {"pk": {"S": "a"}}
    assert "newImage" not in changes["REMOVE"]
    assert all(change["sequenceNumber"] for change in changes.values())


def test_two_sources_with_a_cache_each_never_meet(tmp_path: Path) -> None:
    """In the original the second target of a type got the connection of the first: A's values went to B."""
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    with redis(folders[0]) as one, redis(folders[1], "--requirepass", "word") as other:
        sends: list[Any] = []
        for cache in (one, other):
            stream = f"arn:aws:kinesis:eu-west-1:111111111111:stream/{hashlib.md5(cache.address.encode()).hexdigest()}"
            row = {"sourceArn": stream, "id": "t", "type": "redis", "destination": cache.address, "active": True}
            target = row_of(item_of(row))
            destination = destination_of("redis")
            sends.append(destination.open(target, destination.parse(target), access_of(target, 2)))
        unit = Unit(b"\x00\xff", (Message(0, None, "key", "shard:1", b""),))
        assert sends[0]([unit]) == []
        # The other one asks for a password, which the row does not have: an outage, told as it is.
        [refused] = sends[1]([unit])
        assert "Authentication required" in refused.reason
        assert refused.cause.name == "REFUSED"
        from redis import Redis

        assert Redis(port=one.port).get("key") == b"\x00\xff"
        assert Redis(port=other.port, password="word").keys() == []
