"""`tributary verify` on a deployed copy: equal however late it is, every difference named, what failed found."""

import json
from collections.abc import Iterator, Mapping
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
from integration_tests.support.addressing import Cloud
from integration_tests.support.deployments import prepare
from integration_tests.support.factories import objects
from integration_tests.support.typing_commands import Tributary, typed_in
from operations.cross_account_copy.expecting import KEY_NAMES
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


def test_a_copy_is_equal_however_late_it_is(copy: Copy, eventually: Eventually, tributary: Tributary) -> None:
    copy.put(clicks(300, seed=1))
    split(copy, eventually)
    time = datetime.now(UTC)
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
    assert "tributary replay" in error
    [failed] = found(report["stream"]).pop("failed")
    assert failed["key"]["sequenceNumber"] == {"S": poison.sequence_number}
    assert failed["where"] == f"s3://{copy.source['failureBucketName']}/{name}"
    assert set(found(report["stream"])) == {"failed"}
    assert report["lake"]["equal"]


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
    assert report["lake"]["superseded"] == 1

    assert named(per_user_found.pop("missing")) == named([{"key": key(unclicked, names)}])
    assert named(per_user_found.pop("extra")) == named([{"key": key(deleted, names)}])
    [differing] = per_user_found.pop("differing")
    assert (differing["key"], differing["attributes"]) == (key(misclicked, names), ["event"])
    assert per_user_found == {}

    code, out, _ = tributary("verify", "poc", "--values", "--settle", "0")
    assert code == 1
    assert '"another"' in out
    assert "1 foreign:" in out


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
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    account_ids = {committed: cloud.new_account() for committed in COMMITTED_ACCOUNTS.values()}
    engine = prepare(cloud, tmp_path_factory.mktemp("undeployed"), CHANGES, account_ids)
    code, _, error = typed_in(engine, monkeypatch, capsys)("verify", "prod")
    assert (code, error.strip()) == (1, "error: stack `prod` is not deployed. Type `tributary up prod` first.")
