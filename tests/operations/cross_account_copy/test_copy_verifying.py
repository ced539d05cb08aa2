"""A copy and its lake with any content: exactly what differs is named, nothing that is late, and what failed."""

import dataclasses
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator
from fake_ends import FakeDynamoDB, FakeKinesis, FakeS3, failed_object, record
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.cross_account_copy import partitions, stream
from operations.cross_account_copy.deployed import Ends, Source, Target
from operations.cross_account_copy.expecting import KEY_NAMES, StreamRecord, items_of
from operations.cross_account_copy.lake import Delivery, Lake
from operations.cross_account_copy.report import Report
from operations.cross_account_copy.stream import Stream
from operations.cross_account_copy.verifying import NO_LAKE, verify
from operations.errors import OperationError
from operations.instruments.failures import Failures
from operations.instruments.items import key_of
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item
from operations.instruments.tables import Table

pytestmark = pytest.mark.pure

TABLE, COPIER, FORWARDER = "copy", "copier", "forwarder"
TABLE_STREAM = "arn:aws:dynamodb:eu-west-1:999999999999:table/copy/stream/2026-11-22T10:00:00.000"


@pytest.fixture(autouse=True, scope="module")
def _shards_without_limits() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CALLS_PER_S", None)
        patch.setattr(stream, "BYTES_PER_S", None)
        patch.setattr(partitions, "PARTITIONS", 3)
        yield


class Clock:
    """Time that passes only when somebody sleeps; `then` is what happens meanwhile."""

    def __init__(self, then: Callable[[float], None] = lambda now: None) -> None:
        self.now = 0.0
        self.then = then

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.then(self.now)


def verified(
    kinesis: FakeKinesis | None,
    dynamodb: FakeDynamoDB,
    *,
    failed: FakeS3 | None = None,
    lake: FakeS3 | None = None,
    since: datetime | None = None,
    clock: Clock | None = None,
    tables: Mapping[str, Table] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Report:
    clock = clock or Clock()
    failures = Failures(failed or FakeS3(), "failures")  # type: ignore[arg-type]  # stands for a client
    source = Source(Stream(kinesis, "clicks", since), failures, labels or {"table": TABLE}) if kinesis else None  # type: ignore[arg-type]  # as above
    delivery = Delivery("lines/", "lines/errors/", "UNCOMPRESSED", buffer_s=60)
    target = Target(
        list((tables or {TABLE: Table(dynamodb, TABLE)}).values()),  # type: ignore[arg-type]  # as above
        lake=(Lake(lake, "lake", delivery), Failures(lake, "lake", FORWARDER)) if lake else None,  # type: ignore[arg-type]  # as above
    )
    patience = Patience(settle_s=10, longest_s=100, clock=clock, sleep=clock.sleep)
    return verify(Ends(source, target), RateLimit(None), patience, lambda name, total: lambda count: None, values=True)


def items(*records: StreamRecord) -> list[Item]:
    return [wanted.item for one in records for wanted in items_of(one) if wanted.item is not None]


def numbers(found: list[dict[str, Any]]) -> set[str]:
    return {one["key"]["sequenceNumber"]["S"] for one in found}


CONTENT = st.dictionaries(st.integers(1, 30), st.integers(0, 2), max_size=25)


def valued(content: Mapping[int, int]) -> list[StreamRecord]:
    """Records on two shards, each with its number and its value."""
    return [
        record(number, b'{"v": %d}' % value, f"shardId-{number % 2:012}") for number, value in sorted(content.items())
    ]


@settings(max_examples=60)
@given(sent=CONTENT, copied=CONTENT)
def test_exactly_what_differs_is_found(sent: dict[int, int], copied: dict[int, int]) -> None:
    """What the table has before the first record or after the last of a shard is none of the stream's business."""
    records, dynamodb = valued(sent), FakeDynamoDB()
    dynamodb.put(*items(*valued(copied)))
    shards = {f"shardId-{shard:012}": [one for one in records if one.shard_id.endswith(str(shard))] for shard in (0, 1)}
    report = verified(FakeKinesis(shards), dynamodb)

    def within(number: int) -> bool:
        read = [other for other in sent if other % 2 == number % 2]
        return bool(read) and min(read) <= number <= max(read)

    def of(wanted: set[int]) -> set[str]:
        return {record(number).sequence_number for number in wanted}

    section = report.sections["stream"]
    assert numbers(section.found["missing"]) == of(sent.keys() - copied.keys())
    assert numbers(section.found["extra"]) == of({number for number in copied.keys() - sent.keys() if within(number)})
    differing = {number for number in sent.keys() & copied.keys() if sent[number] != copied[number]}
    assert numbers(section.found["differing"]) == of(differing)
    for one in section.found["differing"]:
        assert one["attributes"] == ["v"]
        assert (one["sourceItem"]["v"], one["copyItem"]["v"]) == tuple(
            {"N": str(content[number])}
            for number in differing
            if record(number).sequence_number in numbers([one])
            for content in (sent, copied)
        )
    assert section.facts["records"] == section.facts["sourceItems"] == len(sent)
    assert report.equal is not any(section.found.values())


def test_what_is_late_is_waited_for_as_long_as_something_arrives() -> None:
    records, dynamodb = [record(number) for number in range(40)], FakeDynamoDB()

    def arrive(now: float) -> None:
        # One each two seconds: all of them take eight times as long as a difference must last.
        dynamodb.put(*items(*records[: int(now // 2)]))

    clock = Clock(arrive)
    assert verified(FakeKinesis({records[0].shard_id: records}), dynamodb, clock=clock).equal
    assert 79 < clock.now < 82


def test_what_keeps_arriving_for_too_long_is_unsettled() -> None:
    records, dynamodb = [record(number) for number in range(80)], FakeDynamoDB()
    clock = Clock(lambda now: dynamodb.put(*items(*records[: int(now // 2)])))
    report = verified(FakeKinesis({records[0].shard_id: records}), dynamodb, clock=clock)
    found = report.sections["stream"].found
    assert len(found["unsettled"]) == 30
    assert found["missing"] == []
    assert not report.equal


def test_too_many_differences_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("partitions", "verifying"):
        monkeypatch.setattr(f"operations.cross_account_copy.{module}.KEPT_KEYS", 30)
    records = [record(number) for number in range(100)]
    section = verified(FakeKinesis({records[0].shard_id: records}), FakeDynamoDB()).sections["stream"]
    assert (len(section.found["missing"]), section.more) == (20, 80)
    assert not section.equal


def lambda_record(one: StreamRecord) -> dict[str, Any]:
    return {
        "eventID": f"{one.shard_id}:{one.sequence_number}",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:111111111111:stream/clicks",
        "kinesis": {
            "sequenceNumber": one.sequence_number,
            "approximateArrivalTimestamp": one.arrival_s,
            "data": b64encode(one.data).decode(),
        },
    }


def test_what_the_copier_gave_up_has_failed_also_when_it_has_left_the_stream() -> None:
    good, poison = record(10), record(11, b"no JSON")
    left, applied_since, older_shard = record(1), record(2), record(3, shard="shardId-000000000000")
    dynamodb = FakeDynamoDB()
    dynamodb.put(*items(good, applied_since))
    failed = FakeS3(
        {
            "aws/lambda/a/1": failed_object(COPIER, *map(lambda_record, (left, applied_since))),
            "aws/lambda/a/2": failed_object(COPIER, *map(lambda_record, (older_shard, poison))),
        }
    )
    kinesis = FakeKinesis({good.shard_id: [good, poison]})
    clock = Clock()
    [section] = verified(kinesis, dynamodb, failed=failed, clock=clock).sections.values()
    assert {(one["where"], *numbers([one])) for one in section.found["failed"]} == {
        ("s3://failures/aws/lambda/a/1", left.sequence_number),
        ("s3://failures/aws/lambda/a/2", older_shard.sequence_number),
        ("s3://failures/aws/lambda/a/2", poison.sequence_number),
    }
    assert sum(map(len, section.found.values())) == 3
    # Nothing is waited for that cannot come.
    assert clock.now == 0

    since = datetime.fromtimestamp(poison.arrival_s, UTC)
    [section] = verified(kinesis, dynamodb, failed=failed, since=since).sections.values()
    assert numbers(section.found["failed"]) == {poison.sequence_number}


def test_what_cannot_be_an_item_has_failed_also_before_it_is_in_the_bucket() -> None:
    aggregator = RecordAggregator()
    for data in (b'{"n": 1}', b"no JSON", b'{"n": 3}'):
        aggregator.add_user_record("key", data)
    aggregate = record(5, aggregator.clear_and_get().get_contents()[2])
    dynamodb = FakeDynamoDB()
    dynamodb.put(*items(aggregate))
    [section] = verified(FakeKinesis({aggregate.shard_id: [aggregate]}), dynamodb).sections.values()
    [failed] = section.found["failed"]
    assert numbers([failed]) == {f"{aggregate.sequence_number}.0000001"}
    assert failed["where"] == f"{aggregate.shard_id}: it is not JSON: Expecting value: line 1 column 1 (char 0)"
    assert section.found["missing"] == []
    assert section.facts["sourceItems"] == 3


def test_a_record_must_be_in_the_table_of_its_week() -> None:
    tables = {name: Table(FakeDynamoDB(), name) for name in ("w46", "w47", "older")}  # type: ignore[arg-type]  # stands for a client
    week = 7 * 86_400
    now, before, long_ago, next_week = (record(10 + place * week) for place in (0, -1, -9, 1))
    tables["w46"].dynamodb.put(*items(now))  # type: ignore[attr-defined]  # the wrong one
    tables["older"].dynamodb.put(*items(long_ago))  # type: ignore[attr-defined]
    kinesis = FakeKinesis({now.shard_id: [long_ago, before, now, next_week]})
    labels = {"2026-W46": "w46", "2026-W47": "w47", "older": "older"}
    [section] = verified(kinesis, FakeDynamoDB(), tables=tables, labels=labels).sections.values()
    assert [one["table"] for one in section.found["missing"]] == ["2026-W48", "w46", "w47"]
    assert [one["table"] for one in section.found["extra"]] == ["w46"]


def test_a_record_that_does_not_say_when_it_arrived_is_in_the_only_table_or_can_be_in_none() -> None:
    untimed = dataclasses.replace(record(10), arrival_s=None)
    dynamodb = FakeDynamoDB()
    dynamodb.put(*items(untimed))
    kinesis = FakeKinesis({untimed.shard_id: [untimed]})
    assert verified(kinesis, dynamodb).equal

    labels = {"2026-W47": TABLE, "older": TABLE}
    [section] = verified(kinesis, FakeDynamoDB(), labels=labels).sections.values()
    [one] = section.found["failed"]
    assert one["where"] == f"{untimed.shard_id}: it does not say when it arrived, which decides its table"


def test_a_shard_that_is_gone_by_the_time_it_is_read_has_no_records() -> None:
    class Expiring(FakeKinesis):
        def get_shard_iterator(self, **request: Any) -> Any:
            raise KeyError(request["ShardId"])

    assert verified(Expiring({record(1).shard_id: [record(1)]}), FakeDynamoDB()).equal


def test_the_least_of_the_tables_says_how_fast_they_are_read() -> None:
    def table(**description: Any) -> Table:
        found = Table(FakeDynamoDB(), TABLE)  # type: ignore[arg-type]  # stands for a client
        found.__dict__["description"] = description
        return found

    on_demand = table(BillingModeSummary={"BillingMode": "PAY_PER_REQUEST"})
    slow, fast = (table(ProvisionedThroughput={"ReadCapacityUnits": units}) for units in (20, 50))
    clicks = (slow, Failures(FakeS3(), "failures"))  # type: ignore[arg-type]  # as above
    assert Target([on_demand, fast], clicks=clicks).read_units == 16
    assert Target([on_demand]).read_units is None


def test_no_such_stream_is_told_with_what_to_do() -> None:
    with pytest.raises(OperationError, match=r"there is no stream `gone`.*Type `pulumi refresh`"):
        Stream(FakeKinesis({}), "gone").begins()  # type: ignore[arg-type]  # stands for a client


def line(item: Item, **changes: Any) -> bytes:
    """An item of strings and whole numbers as a line of the lake."""
    plain = {name: value["S"] if "S" in value else int(value["N"]) for name, value in item.items()}
    return json.dumps(plain | changes).encode()


def test_a_lake_with_history_and_lines_twice_is_equal_and_one_without_its_last_line_is_not() -> None:
    first, second = items(record(1), record(2))
    dynamodb, lake = FakeDynamoDB(), FakeS3()
    dynamodb.put(first, second)
    lake.objects["lines/1"] = b"\n".join([line(first, n=7), line(second), line(first, n=7), b""])
    lake.objects["lines/2"] = line(first) + b"\n"
    lake.objects["lines/errors/3"] = b"no JSON"
    lake.objects["others/4"] = b"no JSON"

    section = verified(None, dynamodb, lake=lake).sections["lake"]
    assert section.equal
    facts = {"sourceItems": 2, "copyItems": 4, "objects": 2, "duplicates": 1, "superseded": 1}
    assert section.facts == facts

    del lake.objects["lines/2"]
    [differing] = verified(None, dynamodb, lake=lake).sections["lake"].found["differing"]
    assert (differing["attributes"], differing["where"]) == (["n"], "s3://lake/lines/1:3")


def test_lines_in_the_buffer_of_the_delivery_stream_are_waited_for() -> None:
    [item] = items(record(1))
    dynamodb, lake = FakeDynamoDB(), FakeS3()
    dynamodb.put(item)

    def deliver(now: float) -> None:
        if now >= 60:
            lake.objects["lines/1"] = line(item)

    clock = Clock(deliver)
    assert verified(None, dynamodb, lake=lake, clock=clock).equal
    assert 60 <= clock.now < 70


def test_a_line_that_the_forwarder_gave_up_has_failed_and_what_is_no_line_is_told() -> None:
    [item] = items(record(1))
    dynamodb, lake = FakeDynamoDB(), FakeS3()
    dynamodb.put(item)
    keys = {name: item[name] for name in ("seqNumbershardIdHash", "sequenceNumber")}
    change = {"eventSourceARN": TABLE_STREAM, "dynamodb": {"Keys": keys, "SequenceNumber": "100"}}
    lake.objects["aws/lambda/a/1"] = failed_object(FORWARDER, change)
    lake.objects["aws/lambda/b/2"] = failed_object("the writer of clicks", change)
    lake.objects["lines/1"] = b'{"n": 1}\n{"seqNumbershardIdHash": "", "sequenceNumber": "1"}\n[1]\n{"n": NaN}\n\xff\n'
    section = verified(None, dynamodb, lake=lake).sections["lake"]
    assert [one["where"] for one in section.found["failed"]] == ["s3://lake/aws/lambda/a/1"]
    assert [one.partition(": ")[0] for one in section.foreign] == [
        f"s3://lake/lines/1:{number}" for number in range(1, 6)
    ]


def test_an_item_with_a_key_that_no_record_gets_is_foreign() -> None:
    [item] = items(record(1))
    stranger = {**item, "seqNumbershardIdHash": {"S": "mine"}}
    dynamodb, lake = FakeDynamoDB(), FakeS3({"lines/1": b"\n".join(line(one) for one in (item, stranger))})
    dynamodb.put(item, stranger)
    section = verified(None, dynamodb, lake=lake).sections["lake"]
    assert section.foreign == [f"{TABLE} {key_of(stranger, KEY_NAMES)}: no record of a stream gets this key"]
    assert not section.equal


def test_binary_values_and_sets_are_compared_as_lines_have_them() -> None:
    [item] = items(record(1))
    inner = {"M": {"b": {"B": "aGk="}, "l": {"L": [{"BS": ["aGk="]}]}, "numbers": {"NS": ["1", "2.50"]}}}
    dynamodb, lake = FakeDynamoDB(), FakeS3()
    dynamodb.put({**item, "inner": inner})
    lake.objects["lines/1"] = line(item, inner={"b": "aGk=", "l": [["aGk="]], "numbers": [1, 2.5]})
    assert verified(None, dynamodb, lake=lake).equal


def test_the_report_says_from_when_on_it_compared_and_what_it_could_not() -> None:
    records = [record(number) for number in range(3)]
    dynamodb = FakeDynamoDB()
    dynamodb.put(*items(*records))
    since = datetime(2099, 1, 1, tzinfo=UTC)
    report = verified(FakeKinesis({records[0].shard_id: records}), dynamodb, since=since)
    assert report.sections["stream"].facts["from"] == "2099-01-01T00:00:00+00:00"
    assert report.sections["stream"].facts["records"] == 0
    assert report.as_json()["notes"] == [NO_LAKE]
    assert report.summary().startswith(
        "Equal: clicks since 2099-01-01T00:00:00+00:00 and copy: 0 source items, 0 copy items, 0 records"
    )
