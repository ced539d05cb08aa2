"""De-aggregation, record by record against AWS's own library."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from hashlib import md5
from types import ModuleType
from typing import Any

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records, messages_pb2
from fake_aws import FakeAws, FakeContext
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_events import DONE, SHARD, failed_at, kinesis_event, sequence_number

from handlers.cross_account_copier.kpl import MAGIC, is_aggregate, take_apart

pytestmark = pytest.mark.pure

Given = list[tuple[str, str | None, bytes]]


def framed(message: bytes) -> bytes:
    return MAGIC + message + md5(message).digest()


def aggregate(records: Given, tags: bool = False) -> bytes:
    message = messages_pb2.AggregatedRecord()
    for key, hash_key, data in records:
        record = message.records.add(partition_key_index=len(message.partition_key_table), data=data)
        message.partition_key_table.append(key)
        if hash_key is not None:
            record.explicit_hash_key_index = len(message.explicit_hash_key_table)
            message.explicit_hash_key_table.append(hash_key)
        if tags:
            record.tags.add(key="a tag", value="x" * 200)
    return framed(message.SerializeToString())


def by_us(data: bytes) -> Given:
    found = take_apart(data)
    return list(zip(found.partition_keys(), found.explicit_hash_keys(), found.payloads, strict=True))


def by_the_library(data: bytes) -> Given:
    """What aws_kinesis_agg makes of a record; all of it in one piece when it sees no aggregate."""
    (event,) = kinesis_event([data])["Records"]
    records: list[dict[str, Any]] = [record["kinesis"] for record in deaggregate_records([event])]
    return [
        (record["partitionKey"], record.get("explicitHashKey"), base64.b64decode(record["data"])) for record in records
    ]


keys = st.text(min_size=1, max_size=20)
payloads = st.binary(max_size=300) | st.integers(100, 40_000).map(bytes)
# The library gives a record without an explicit hash key that of another one, so it is only asked about all or none.
batches = st.lists(st.tuples(keys, st.none(), payloads), min_size=1) | st.lists(
    st.tuples(keys, st.from_regex(r"[0-9]{1,39}", fullmatch=True), payloads), min_size=1
)


@settings(deadline=None, max_examples=25)
@given(batches, st.booleans())
def test_every_record_is_what_the_library_says(records: Given, tags: bool) -> None:
    data = aggregate(records, tags)

    assert is_aggregate(data)
    assert by_us(data) == records
    assert by_us(data) == by_the_library(data)


def test_what_the_library_aggregates_is_taken_apart() -> None:
    aggregator = RecordAggregator()
    given_records = [(f"key {index % 300}", str(index % 200), b"x" * (index % 400)) for index in range(1000)]
    for key, hash_key, data in given_records:
        assert aggregator.add_user_record(key, data, hash_key) is None
    _, _, data = aggregator.clear_and_get().get_contents()

    assert by_us(data) == given_records


def test_a_record_without_an_explicit_hash_key_has_none() -> None:
    data = aggregate([("a", None, b"1"), ("b", "12", b"2"), ("c", None, b"3")])
    assert take_apart(data).explicit_hash_keys() == [None, "12", None]


@settings(deadline=None, max_examples=25)
@given(batches, st.data())
def test_a_damaged_aggregate_is_an_ordinary_record(records: Given, draw: st.DataObject) -> None:
    data = aggregate(records)
    index = draw.draw(st.integers(0, len(data) - 1))
    flipped = bytes((*data[:index], data[index] ^ 1 << draw.draw(st.integers(0, 7)), *data[index + 1 :]))

    for damaged in (flipped, data[:index]):
        assert not is_aggregate(damaged)
        assert by_the_library(damaged) == [("1", None, damaged)]


@settings(deadline=None, max_examples=25)
@given(st.binary(max_size=100))
def test_a_malformed_message_with_a_right_digest_never_gives_anything_but_records_or_a_value_error(
    message: bytes,
) -> None:
    try:
        found = take_apart(framed(message))
    except ValueError:
        return
    assert all(isinstance(payload, bytes) for payload in found.payloads)


@pytest.mark.parametrize(
    "message",
    [
        b"\x1a\x05\x08\x00\x1a\x01x",  # a record of a partition key that is not in the table
        b"\x0a\x01k\x1a\x02\x08\x00",  # a record without data
        b"\x0a\x01k\x1a\x7f\x08\x00\x1a\x01x",  # a record longer than the message
        b"\x0a\x01k\x1a\x05\x08\x00\x1a\x7fx",  # data longer than its record
        b"\x0a\x01k\x1a" + b"\xff" * 11,  # a length that does not end
    ],
)
def test_a_malformed_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="malformed"):
        take_apart(framed(message))


def test_fields_of_later_versions_are_passed_over() -> None:
    later = b"\x22\x02no" + b"\x28\x96\x01" + b"\x31" + b"8 bytes." + b"\x3d" + b"four"
    data = framed(later + aggregate([("k", None, b"data")])[len(MAGIC) : -16] + later)
    assert by_us(data) == [("k", None, b"data")]


@pytest.fixture
def copier(load: Callable[..., ModuleType]) -> ModuleType:
    return load("cross_account_copier", ROLE_ARN="arn:aws:iam::999999999999:role/writer", TABLE_NAME="clicks")


def test_each_record_of_an_aggregate_gets_its_own_item_beside_ordinary_records(
    aws: FakeAws, copier: ModuleType
) -> None:
    packed = aggregate([("k", None, json.dumps({"n": index}).encode()) for index in range(3)])
    event = kinesis_event([b'{"n": 10}', packed, b'{"n": 11}'])

    assert copier.handler(event, FakeContext()) == DONE

    items = {item["sequenceNumber"]["S"]: item for item in aws.items("clicks")}
    assert {key: item["n"]["N"] for key, item in items.items()} == {
        sequence_number(0): "10",
        f"{sequence_number(1)}.0000000": "0",
        f"{sequence_number(1)}.0000001": "1",
        f"{sequence_number(1)}.0000002": "2",
        sequence_number(2): "11",
    }
    hash_key = f"{sequence_number(1)[-3:-1]}_{SHARD}"
    assert {item["seqNumbershardIdHash"]["S"] for key, item in items.items() if key.startswith(sequence_number(1))} == {
        hash_key
    }


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(aggregate([("k", None, b'{"n": 0}'), ("k", None, b"not json")]), id="one of its records"),
        pytest.param(aggregate([("k", None, b'{"n": 0}')])[:-1], id="cut short"),
        pytest.param(framed(b"\x0a\x01k\x1a\x02\x08\x00"), id="malformed"),
    ],
)
def test_an_aggregate_that_cannot_be_applied_is_reported_as_the_kinesis_record_it_is(
    aws: FakeAws, copier: ModuleType, spoilt: bytes
) -> None:
    event = kinesis_event([b'{"n": 10}', spoilt, b'{"n": 11}'])

    assert copier.handler(event, FakeContext()) == failed_at(1)
    assert sequence_number(0) in {item["sequenceNumber"]["S"] for item in aws.items("clicks")}
    assert sequence_number(2) not in {item["sequenceNumber"]["S"] for item in aws.items("clicks")}
