"""De-aggregation, record by record against AWS's own library."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records
from fake_aws import FakeAws, FakeContext
from hypothesis import given, settings
from hypothesis import strategies as st
from kpl_aggregates import Given, aggregate, framed
from stream_events import DONE, SHARD, kinesis_event, sequence_number

from handlers.shared.kpl import MAGIC, is_aggregate, take_apart

pytestmark = pytest.mark.pure


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


@settings(max_examples=25)
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


@settings(max_examples=25)
@given(batches, st.data())
def test_a_damaged_aggregate_is_an_ordinary_record(records: Given, draw: st.DataObject) -> None:
    data = aggregate(records)
    index = draw.draw(st.integers(0, len(data) - 1))
    flipped = bytes((*data[:index], data[index] ^ 1 << draw.draw(st.integers(0, 7)), *data[index + 1 :]))

    for damaged in (flipped, data[:index]):
        assert not is_aggregate(damaged)
        assert by_the_library(damaged) == [("1", None, damaged)]


@settings(max_examples=25)
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
        pytest.param(aggregate([("k", None, b'{"n": 0}')])[:-1], id="cut short"),
        pytest.param(framed(b"\x0a\x01k\x1a\x02\x08\x00"), id="malformed"),
    ],
)
def test_an_aggregate_that_cannot_be_read_is_set_aside_as_the_kinesis_record_it_is(
    aws: FakeAws, copier: ModuleType, spoilt: bytes
) -> None:
    event = kinesis_event([b'{"n": 10}', spoilt, b'{"n": 11}'])

    assert copier.handler(event, FakeContext()) == DONE
    assert numbers(aws) == [sequence_number(0), sequence_number(2)]
    [(number, kept)] = aws.poison().items()
    assert number == sequence_number(1)
    assert json.loads(kept["payload"]) == {"Records": [event["Records"][1]]}


def test_a_spoilt_record_of_an_aggregate_is_set_aside_alone_and_can_be_applied_later(
    aws: FakeAws, copier: ModuleType
) -> None:
    aws.invalid = lambda item: item["n"] == {"N": "3"}
    payloads = [b"not json" if index == 1 else b'{"n": %d}' % index for index in range(6)]
    event = kinesis_event([b'{"n": 10}', aggregate([("k", None, payload) for payload in payloads])])

    assert copier.handler(event, FakeContext()) == DONE

    part = f"{sequence_number(1)}.000000"
    assert numbers(aws) == [sequence_number(0), *(f"{part}{index}" for index in (0, 2, 4, 5))]
    kept = aws.poison()
    assert sorted(kept) == [f"{part}1", f"{part}3"]
    aws.invalid = lambda _item: False
    again = json.loads(kept[f"{part}3"]["payload"])
    assert again["Records"][0]["kinesis"]["subSequenceNumber"] == 3
    assert copier.handler(again, FakeContext()) == DONE
    assert numbers(aws) == [sequence_number(0), *(f"{part}{index}" for index in (0, 2, 3, 4, 5))]


def numbers(aws: FakeAws) -> list[str]:
    return sorted(item["sequenceNumber"]["S"] for item in aws.items("clicks"))


class Short(FakeContext):
    """An invocation that has time for so many calls."""

    def __init__(self, aws: FakeAws, calls: int) -> None:
        super().__init__()
        self._aws, self._last = aws, len(aws.calls) + calls

    def get_remaining_time_in_millis(self) -> int:
        return 120_000 if len(self._aws.calls) < self._last else 0


@pytest.mark.parametrize("cold", [False, True], ids=["same sandbox", "cold start each time"])
def test_an_aggregate_larger_than_an_invocation_gets_further_each_time(
    aws: FakeAws, load: Callable[..., ModuleType], cold: bool
) -> None:
    def start() -> ModuleType:
        return load(
            "cross_account_copier",
            ROLE_ARN="arn:aws:iam::999999999999:role/writer",
            TABLE_NAME="clicks",
            WRITE_THREADS="1",
        )

    payloads = [b"not json" if index == 1500 else b'{"n": %d}' % index for index in range(3000)]
    event = kinesis_event([b'{"n": 1}', aggregate([("k", None, payload) for payload in payloads]), b'{"n": 2}'], 1.0)
    copier, waiting, far = start(), event["Records"], []
    while waiting:
        [*failed] = copier.handler({"Records": waiting}, Short(aws, 12))["batchItemFailures"]
        far.append(len(numbers(aws)))
        waiting = [
            record
            for record in waiting
            if failed and record["kinesis"]["sequenceNumber"] >= failed[0]["itemIdentifier"]
        ]
        copier = start() if cold else copier

    assert far == sorted(set(far)), "each invocation gets further"
    assert len(far) > 10
    assert far[-1] == 3001
    assert [*aws.poison()] == [f"{sequence_number(1)}.0001500"]
    assert not [key for key in aws.objects if "progress" in key], "what is done is forgotten, so that a replay replays"
    assert len(aws.called("BatchWriteItem")) <= 3001 / 25 + len(far) + 1, "hardly anything is written twice"
    assert copier.handler(event, FakeContext()) == DONE
    assert len(numbers(aws)) == 3001


def test_progress_is_asked_for_only_where_an_attempt_may_have_been_cut_off(aws: FakeAws, copier: ModuleType) -> None:
    packed = aggregate([("k", None, b'{"n": 1}')] * 2)
    copier.handler(kinesis_event([packed], time.time()), FakeContext())
    copier.handler(kinesis_event([b'{"n": 1}', packed], 1.0), FakeContext())
    assert aws.called("GetObject") == []
    copier.handler(kinesis_event([packed], time.time() - 200), FakeContext())
    assert len(aws.called("GetObject")) == 1


class FiveUnits(FakeAws):
    """Tables with five write units a second, of which those of the last five minutes may be left; a put takes one.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html
    """

    now_s = 0.0
    _units, _at_s = 1500.0, 0.0

    def _BatchWriteItem(self, request: Any, parameters: Any, failed: Any) -> Any:  # noqa: N802
        self.now_s += 0.02
        self._units = min(1500.0, self._units + 5 * (self.now_s - self._at_s))
        self._at_s = self.now_s
        [puts] = parameters["RequestItems"].values()
        taken = int(min(len(puts), self._units))
        self._units -= taken
        return super()._BatchWriteItem(request, parameters, tuple(range(taken, len(puts))))


def test_ten_thousand_records_of_an_aggregate_reach_a_table_of_five_write_units(
    load: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than half an hour, of invocations of two minutes, each in a sandbox of its own."""
    fake = FiveUnits()
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", lambda _session, request: fake.send(request))
    monkeypatch.setattr("handlers.shared.time_budget.wait", lambda s: setattr(fake, "now_s", fake.now_s + s))

    class Context(FakeContext):
        end_s = 0.0

        def get_remaining_time_in_millis(self) -> int:
            return round((self.end_s - fake.now_s) * 1000)

    payloads = [b'{"n": %d}' % index for index in range(10_000)]
    waiting = kinesis_event([aggregate([("k", None, payload) for payload in payloads])], 1.0)["Records"]
    far = []
    while waiting:
        copier = load(
            "cross_account_copier", ROLE_ARN="arn:aws:iam::999999999999:role/w", TABLE_NAME="clicks", WRITE_THREADS="1"
        )
        context = Context()
        context.end_s = fake.now_s + 120
        waiting = waiting if copier.handler({"Records": waiting}, context)["batchItemFailures"] else []
        far.append(len(fake.items("clicks")))

    assert far == sorted(set(far)), "each invocation gets further"
    assert far[-1] == 10_000
    assert fake.poison() == {}
    # 1,500 units at once and five a second; an invocation keeps ten seconds back.
    assert fake.now_s < (10_000 - 1_500) / 5 * 1.15
    assert len(fake.called("BatchWriteItem")) < 7_000, "it calls at the pace at which items are taken"
