"""`tributary verify` on a deployed copy: equal however late it is, every difference named, what failed found."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import aws_kinesis_agg.aggregator
import pytest

from handlers.shared.places import POISON_PREFIX
from integration_tests.cross_account_copy.copy import (
    CHANGES,
    COMMITTED_ACCOUNTS,
    Copy,
    Eventually,
    clicks,
    deployed_copy,
)
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.deployments import prepare
from integration_tests.support.factories import objects
from integration_tests.support.typing_commands import Tributary, typed_in
from operations.cross_account_copy.expecting import KEY_NAMES, hash_of
from operations.cross_account_copy.sending import Record, send

pytestmark = pytest.mark.local

CLICK_STREAM_WRITER = {"name": "PocLambdaClickStream", "batchSize": 300, "timeoutSeconds": 120}
# A difference must last so long in these stories; the delivery stream's buffer of a second comes on top in the lake.
SETTLE = ("--settle", "2")

Item = dict[str, Any]


@pytest.fixture(scope="module")
def copy(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A table for each week, and one of each user's clicks."""
    now = datetime.now(UTC)
    poc = {
        "weekly": {"current": week_of(now), "older": [week_of(now - timedelta(weeks=1))]},
        "clickStream": {"capacity": "on-demand", "function": CLICK_STREAM_WRITER},
    }
    with ExitStack() as cleanup:
        changes = {"poc": {**CHANGES["poc"], **poc}, "prod": CHANGES["prod"]}
        yield deployed_copy(cloud, tmp_path_factory.mktemp("verifying"), cleanup, changes)


@pytest.fixture
def tributary(copy: Copy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tributary:
    return typed_in(copy.engine, monkeypatch, capsys)


def week_of(moment: datetime) -> str:
    year, week, _ = moment.isocalendar()
    return f"{year}-W{week:02}"


def split(copy: Copy, eventually: Eventually) -> None:
    """Close the stream's only shard, and go on with two others."""
    kinesis, name = copy.prod.kinesis, copy.source["streamName"]
    kinesis.update_shard_count(StreamName=name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    eventually(
        lambda: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"],
        until=lambda summary: (summary["StreamStatus"], summary["OpenShardCount"]) == ("ACTIVE", 2),
        timeout=60,
    )


def put_aggregate(copy: Copy, count: int, seed: int) -> None:
    aggregator = aws_kinesis_agg.aggregator.RecordAggregator()
    for record in clicks(count, seed):
        aggregator.add_user_record(record.partition_key, record.data)
    partition_key, _, data = aggregator.clear_and_get().get_contents()
    send(copy.prod.kinesis, copy.source["streamName"], [Record(partition_key, data)])


def key(item: Mapping[str, Any], names: tuple[str, ...] = KEY_NAMES) -> Item:
    return {name: item[name] for name in names}


def found(section: Mapping[str, Any]) -> dict[str, list[Item]]:
    """What a section names, by kind, without the empty kinds."""
    kinds = ("missing", "extra", "differing", "failed", "unsettled", "foreign")
    return {kind: section[kind] for kind in kinds if section[kind]}


def test_a_copy_is_equal_however_late_it_is(
    copy: Copy, cloud: Cloud, eventually: Eventually, tributary: Tributary
) -> None:
    copy.put(clicks(300, seed=1))
    if not cloud.lacks("closed shards"):
        split(copy, eventually)
    put = datetime.now(UTC)
    # Asked for in whole seconds: what was put before is of an earlier one.
    time = eventually(lambda: datetime.now(UTC), until=lambda now: now.replace(microsecond=0) > put)
    put_aggregate(copy, 120, seed=2)

    # Nothing of it is in the lake yet, and not all of it in the tables.
    code, out, _ = tributary("verify", "prod", "--json", "--settle", "15")
    report = json.loads(out)
    assert (code, report["equal"], report["notes"]) == (0, True, [])
    assert [report["stream"][fact] for fact in ("records", "sourceItems")] == [301, 420]
    assert datetime.fromisoformat(report["stream"]["from"]) < datetime.now(UTC)
    assert [found(report[name]) for name in ("stream", "lake", "clickStream")] == [{}, {}, {}]

    code, out, _ = tributary("verify", "prod", "--json", "--since", time.isoformat())
    since = json.loads(out)["stream"]
    assert (code, since["records"], since["sourceItems"], since["copyItems"]) == (0, 1, 120, 120)
    assert datetime.fromisoformat(since["from"]) == time.replace(microsecond=0)

    code, out, _ = tributary("verify", "poc", *SETTLE)
    assert code == 0
    assert "420 source items, 420 copy items" in out.splitlines()[0]
    assert [line.split(":")[0] for line in out.splitlines()[:-1]] == ["Equal", "Equal"]


def test_a_poison_record_has_failed_and_is_not_missing(
    copy: Copy, eventually: Eventually, tributary: Tributary
) -> None:
    poison = copy.put_poison(b"no JSON")
    eventually(copy.failed_source_records, equals=[b"no JSON"], timeout=60)
    [name] = objects(copy.prod.s3, copy.source["failureBucketName"], POISON_PREFIX)

    code, out, error = tributary("verify", "prod", "--json", *SETTLE)
    report = json.loads(out)
    assert code == 1
    assert "tributary redrive prod" in error
    [failed] = found(report["stream"]).pop("failed")
    assert failed["key"]["sequenceNumber"] == {"S": poison.sequence_number}
    assert failed["where"] == f"s3://{copy.source['failureBucketName']}/{name}"
    assert set(found(report["stream"])) == {"failed"}
    assert report["lake"]["equal"]


def test_whatever_a_producer_or_somebody_with_a_bucket_does_is_named_and_stops_nothing(
    copy: Copy, eventually: Eventually, tributary: Tributary
) -> None:
    bucket, s3 = copy.source["failureBucketName"], copy.prod.s3
    deep = copy.put_poison(b'{"v":' + b"[" * 600 + b"]" * 600 + b"}")
    eventually(copy.failed_source_records, until=lambda found: len(found) == 2, timeout=60)
    foreign = {"aws/lambda/note.txt": b"hello", "poison/no-payload.json": b'{"function": "x"}'}
    for name, body in foreign.items():
        s3.put_object(Bucket=bucket, Key=name, Body=body)
    before = objects(s3, bucket, "poison/")

    code, out, _ = tributary("verify", "prod", "--json", *SETTLE)
    report = json.loads(out)
    assert code == 1
    assert set(found(report["stream"])) == {"failed"}
    numbers = {one["key"]["sequenceNumber"]["S"] for one in report["stream"]["failed"]}
    assert deep.sequence_number in numbers
    assert len(numbers) == 2
    named = [note.partition(": ")[2].partition(": ")[0] for note in report["notes"]]
    assert named == [f"s3://{bucket}/{name}" for name in sorted(foreign)]

    # What is poison stays poison, though its function replies that it is done with it.
    code, out, error = tributary("redrive", "prod", "--yes", "--json")
    shown = json.loads(out)
    assert (code, shown["applied"], len(shown["left"]), len(shown["foreign"])) == (1, [], 2, 2)
    assert all(one["reason"] for one in shown["left"])
    assert "`tributary redrive prod`" in error
    assert objects(s3, bucket, "poison/").keys() == before.keys()
    for name in foreign:
        s3.delete_object(Bucket=bucket, Key=name)


def test_what_each_function_gave_up_is_redriven_through_it(
    copy: Copy, eventually: Eventually, tributary: Tributary
) -> None:
    dynamodb, table = copy.poc.dynamodb, copy.target["tables"][week_of(datetime.now(UTC))]
    [sent] = copy.put(clicks(1, seed=3))
    name = {
        "seqNumbershardIdHash": hash_of(sent.shard_id, sent.sequence_number),
        "sequenceNumber": sent.sequence_number,
    }
    at = {attribute: {"S": value} for attribute, value in name.items()}
    [item] = [eventually(lambda: dynamodb.get_item(TableName=table, Key=at).get("Item"), timeout=60)]
    click, per_user = key(item, ("useremail_", "nanotimestamp_")), copy.target["clickStreamTableName"]
    eventually(lambda: dynamodb.get_item(TableName=per_user, Key=click).get("Item"), timeout=60)
    number = sent.sequence_number.encode()
    eventually(lambda: lines_of(copy, number), until=lambda lines: len(lines) == 1, timeout=60)

    # As if the copier had never been able to write it, and the target's functions neither.
    dynamodb.delete_item(TableName=table, Key=at)
    dynamodb.delete_item(TableName=per_user, Key=click)
    kinesis = {
        "sequenceNumber": sent.sequence_number,
        "partitionKey": sent.record.partition_key,
        "data": base64.b64encode(sent.record.data).decode(),
        "approximateArrivalTimestamp": datetime.now(UTC).timestamp(),
    }
    arn = copy.source["streamArn"]
    given_up = {"eventID": f"{sent.shard_id}:{sent.sequence_number}", "eventSourceARN": arn, "kinesis": kinesis}
    give_up(copy.prod, copy.source["failureBucketName"], copy.source["copierName"], given_up)
    code, out, _ = tributary("redrive", "prod", "--yes")
    assert code == 1  # for the poison of the story before
    assert out.count(" 1 records applied\n") == 1
    assert eventually(lambda: dynamodb.get_item(TableName=table, Key=at).get("Item"), timeout=30) == item

    eventually(lambda: dynamodb.get_item(TableName=per_user, Key=click).get("Item"), timeout=60)
    lines = len(eventually(lambda: lines_of(copy, number), until=lambda lines: len(lines) > 1, timeout=60))
    dynamodb.delete_item(TableName=per_user, Key=click)
    stream = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    change = {"Keys": at, "NewImage": {**item, "event": {"S": "long ago"}}, "SequenceNumber": "1" * 21}
    record = {"eventID": "1", "eventName": "INSERT", "eventSourceARN": stream, "dynamodb": change}
    for function in (copy.target["forwarderName"], copy.target["clickStreamWriterName"]):
        give_up(copy.poc, copy.target["failureBucketName"], function, record)
    code, out, _ = tributary("redrive", "poc", "--yes")
    assert (code, out.count(" 1 records applied\n")) == (0, 2)
    # The lake has the history; the click stream has what is now.
    eventually(lambda: lines_of(copy, b"long ago"), until=lambda found: len(found) == 1, timeout=60)
    assert len(lines_of(copy, number)) == lines + 1
    assert dynamodb.get_item(TableName=per_user, Key=click)["Item"] == item
    assert tributary("redrive", "poc", "--yes")[1].splitlines()[-1] == "Nothing to redrive."


def lines_of(copy: Copy, text: bytes) -> list[bytes]:
    """The lines of the lake that hold a text."""
    stored = objects(copy.poc.s3, copy.target["bucketName"], "prod-kinesis-data").values()
    return [line for body in stored for line in body.splitlines() if text in line]


def give_up(clients: Clients, bucket: str, function: str, record: Item) -> None:
    """Store a record as Lambda does what a function could not apply; the event as LocalStack has it."""
    arn = f"arn:aws:lambda:eu-west-1:{clients.account_id}:function:{function}"
    context = {"functionArn": arn, "condition": "RetryAttemptsExhausted"}
    stored = {"requestContext": context, "payload": {"Records": [record]}}
    name = f"aws/lambda/a-mapping/{function}"
    clients.s3.put_object(Bucket=bucket, Key=name, Body=json.dumps(stored).encode())


def test_whatever_is_changed_behind_its_back_is_named(copy: Copy, eventually: Eventually, tributary: Tributary) -> None:
    dynamodb, tables = copy.poc.dynamodb, copy.target["tables"]
    this, last = tables[week_of(datetime.now(UTC))], tables[week_of(datetime.now(UTC) - timedelta(weeks=1))]
    items = sorted(dynamodb.scan(TableName=this)["Items"], key=lambda item: item["sequenceNumber"]["S"])
    deleted, changed, moved, unclicked, misclicked, between, *_ = items

    dynamodb.delete_item(TableName=this, Key=key(deleted))
    dynamodb.put_item(TableName=this, Item={**changed, "userid": {"N": changed["userid"]["S"]}, "more": {"BOOL": True}})
    inserted = {
        **key(between),
        "sequenceNumber": {"S": f"{between['sequenceNumber']['S'].partition('.')[0]}.9"},
        "shardId": between["shardId"],
    }
    dynamodb.put_item(TableName=this, Item=inserted)
    dynamodb.delete_item(TableName=this, Key=key(moved))
    dynamodb.put_item(TableName=last, Item=moved)

    per_user, names = copy.target["clickStreamTableName"], ("useremail_", "nanotimestamp_")

    def forwarded() -> bool:
        lines = b"".join(objects(copy.poc.s3, copy.target["bucketName"], "prod-kinesis-data").values())
        click = dynamodb.get_item(TableName=per_user, Key=key(changed, names))["Item"]
        return b'"more":true' in lines and inserted["sequenceNumber"]["S"].encode() in lines and "more" in click

    eventually(forwarded, timeout=60)
    dynamodb.delete_item(TableName=per_user, Key=key(unclicked, names))
    dynamodb.put_item(TableName=per_user, Item={**misclicked, "event": {"S": "another"}})

    name, lost, spoilt = change_object(copy)

    code, out, _ = tributary("verify", "prod", "--json", "--settle", "1")
    report = json.loads(out)
    assert code == 1
    stream, lake, per_user_found = (found(report[one]) for one in ("stream", "lake", "clickStream"))
    assert stream.pop("failed")
    assert named(stream.pop("missing")) == named([{"table": this, "key": key(one)} for one in (deleted, moved)])
    assert named(stream.pop("extra")) == named(
        [{"table": this, "key": key(inserted)}, {"table": last, "key": key(moved)}]
    )
    assert stream.pop("differing") == [
        {"table": this, "key": key(changed), "where": this, "attributes": ["more", "userid"]}
    ]
    assert stream == {}

    assert named(lake.pop("missing")) == named([{"key": plain_key(lost)}])
    assert named(lake.pop("extra")) == named(
        [{"key": key(deleted)}, {"key": plain_key({**lost, "sequenceNumber": "9"})}]
    )
    [differing] = lake.pop("differing")
    assert (differing["key"], differing["attributes"]) == (plain_key(spoilt), ["event"])
    [foreign] = lake.pop("foreign")
    assert foreign.startswith(f"s3://{copy.target['bucketName']}/{name}:")
    assert lake == {}
    # One of them is of the story before.
    assert report["lake"]["superseded"] == 2

    assert named(per_user_found.pop("missing")) == named([{"key": key(unclicked, names)}])
    assert named(per_user_found.pop("extra")) == named([{"key": key(deleted, names)}])
    [differing] = per_user_found.pop("differing")
    assert (differing["key"], differing["attributes"]) == (key(misclicked, names), ["event"])
    assert per_user_found == {}

    code, out, _ = tributary("verify", "poc", "--values", "--settle", "0")
    assert code == 1
    assert '"another"' in out
    assert "1 foreign:" in out


def test_a_repair_makes_every_end_equal_but_for_history_and_what_can_be_no_item(
    copy: Copy, eventually: Eventually, tributary: Tributary
) -> None:
    """After the story before, which changed something at every end."""
    code, out, told = tributary("repair", "prod", "--yes", "--json", "--settle", "1")
    shown = json.loads(out)
    assert code == 1
    assert "could not be repaired" in told
    # Of what was extra the click of an item that was deleted belongs to an item again.
    assert (shown["written"], shown["removed"]) == (3, 2)
    assert any("can have no item" in one["reason"] for one in shown["left"])

    code, out, _ = tributary("verify", "prod", "--json", *SETTLE)
    report = json.loads(out)
    assert code == 1
    assert set(found(report["stream"])) == {"failed"}
    # The line of no item, and that of the item that was removed, are history.
    assert {kind: len(named) for kind, named in found(report["lake"]).items()} == {"extra": 2, "foreign": 1}
    assert found(report["clickStream"]) == {}


def test_a_copy_is_paused_and_goes_on_where_it_was(copy: Copy, eventually: Eventually, tributary: Tributary) -> None:
    code, out, _ = tributary("pause", "poc", "--yes")
    assert (code, "`tributary resume poc` goes on from here" in out) == (0, True)
    states = [one["State"] for one in copy.poc.lambda_.list_event_source_mappings()["EventSourceMappings"]]
    assert len(states) == 2 * len(copy.target["tables"])
    assert set(states) == {"Disabled"}
    assert tributary("resume", "poc", "--yes")[0] == 0
    states = [one["State"] for one in copy.poc.lambda_.list_event_source_mappings()["EventSourceMappings"]]
    assert set(states) == {"Enabled"}


def change_object(copy: Copy) -> tuple[str, Item, Item]:
    """Take a line out of an object, change one, add one of no item and one that is none: its name, the first two."""
    bucket = copy.target["bucketName"]
    name, body = max(objects(copy.poc.s3, bucket, "prod-kinesis-data").items(), key=lambda one: len(one[1]))
    *lines, lost, spoilt = [json.loads(line) for line in body.splitlines()]
    lines += [{**spoilt, "event": "another"}, {**lost, "sequenceNumber": "9"}]
    text = "\n".join([*map(json.dumps, lines), "{no JSON", ""])
    copy.poc.s3.put_object(Bucket=bucket, Key=name, Body=text.encode())
    return name, lost, spoilt


def plain_key(line: Mapping[str, Any]) -> Item:
    return {name: {"S": line[name]} for name in KEY_NAMES}


def named(findings: list[Item]) -> list[str]:
    """Findings without where they are, in one order."""
    return sorted(json.dumps({**one, "where": None}, sort_keys=True) for one in findings)


def test_a_stack_that_is_not_deployed_is_told_with_the_command_to_type(
    cloud: Cloud,
    account: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    account_ids = {committed: account() for committed in COMMITTED_ACCOUNTS.values()}
    engine = prepare(cloud, tmp_path_factory.mktemp("undeployed"), CHANGES, account_ids)
    code, _, error = typed_in(engine, monkeypatch, capsys)("verify", "prod")
    assert (code, error.strip()) == (1, "error: stack `prod` is not deployed. Type `tributary up prod` first.")
