"""The copy's options, deployed: index, click stream, enhanced fan-out, KPL aggregates, weekly tables, literal ARNs."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import aws_kinesis_agg.aggregator
import pytest
import yaml

from integration_tests.cross_account_copy.copy import CHANGES, COMMITTED_ACCOUNTS, EQUAL, Copy, Eventually, clicks
from integration_tests.support.addressing import Cloud
from integration_tests.support.deployments import deploy, prepare
from integration_tests.support.typing_commands import typed_in
from operations.cross_account_copy.comparing import difference
from operations.cross_account_copy.expecting import Item, by_key, expected_item
from operations.cross_account_copy.observing import table_items
from operations.cross_account_copy.sending import Record, Sent, send

pytestmark = pytest.mark.local

CLICK_STREAM_WRITER = {"name": "PocLambdaClickStream", "batchSize": 300, "timeoutSeconds": 120}


def copy_with(
    cloud: Cloud, tmp_path_factory: pytest.TempPathFactory, cleanup: ExitStack, poc: Mapping[str, Any], prod: Any
) -> Copy:
    """Both sides with options; `prod` may be a function of the accounts."""
    account_ids = {committed: cloud.lend_account(cleanup) for committed in COMMITTED_ACCOUNTS.values()}
    source = prod(account_ids["999999999999"]) if callable(prod) else prod
    changes = {"poc": {**CHANGES["poc"], **poc}, "prod": {**CHANGES["prod"], **source}}
    engine = prepare(cloud, tmp_path_factory.mktemp("options"), changes, account_ids)
    return Copy(deploy(cloud, engine, account_ids, cleanup), cloud)


@pytest.fixture(scope="module")
def copy(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """An index on the user id, a click-stream table, and a copier that reads through a consumer of its own."""
    poc = {
        "index": {"attribute": "userid", "capacity": "on-demand"},
        "clickStream": {"capacity": "on-demand", "function": CLICK_STREAM_WRITER},
    }
    with ExitStack() as cleanup:
        yield copy_with(cloud, tmp_path_factory, cleanup, poc, {"enhancedFanOut": True})


@pytest.fixture(scope="module")
def weekly(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A table a week, in a target that the source knows by literal values only."""
    now = datetime.now(UTC)
    this, last = week_of(now), week_of(now - timedelta(weeks=1))
    stem = "prod-raven-lambda-webanalytics-crossaccount"

    def literal(target_account: str) -> dict[str, Any]:
        following = week_of(now + timedelta(weeks=1))
        role_arn = f"arn:aws:iam::{target_account}:role/DynamoDB-ProdAnalyticsWrite-role"
        tables = {week: f"{stem}-{week}" for week in (last, this, following)}
        return {
            "target": {
                "roleArn": role_arn,
                "region": "eu-west-1",
                "weeklyTables": tables,
                "olderTable": f"{stem}-older",
            }
        }

    with ExitStack() as cleanup:
        yield copy_with(cloud, tmp_path_factory, cleanup, {"weekly": {"current": this, "older": [last]}}, literal)


def week_of(moment: datetime) -> str:
    year, week, _ = moment.isocalendar()
    return f"{year}-W{week:02}"


def test_the_copier_reads_through_its_own_consumer(copy: Copy, eventually: Eventually) -> None:
    [mapping] = copy.prod.lambda_.list_event_source_mappings(FunctionName=copy.source["copierName"])[
        "EventSourceMappings"
    ]
    assert "/consumer/ProdKinesisToPocDynamo:" in mapping["EventSourceArn"]
    copy.put(clicks(300, seed=1))
    eventually(copy.table_difference, equals=EQUAL, timeout=60)


def test_a_user_is_found_by_the_index(copy: Copy, eventually: Eventually) -> None:
    [sent] = copy.put(clicks(1, seed=2))
    item = expected_item(sent)

    def found() -> list[str]:
        answer = copy.poc.dynamodb.query(
            TableName=copy.target["tables"]["table"],
            IndexName="userid-index",
            KeyConditionExpression="userid = :user",
            ExpressionAttributeValues={":user": {"S": item["userid"]}},
        )
        return [one["sequenceNumber"]["S"] for one in answer["Items"]]

    eventually(found, equals=[sent.sequence_number], timeout=30)


def test_the_click_stream_has_each_users_clicks_in_order_of_time(copy: Copy, eventually: Eventually) -> None:
    copy.put(clicks(200, seed=3))

    def clicks_of_users() -> dict[tuple[str, str], Item]:
        items = table_items(copy.poc.dynamodb, copy.target["clickStreamTableName"])
        return {(item["useremail_"], item["nanotimestamp_"]): item for item in items}

    expected = {(item["useremail_"], item["nanotimestamp_"]): item for item in copy.expected.values()}
    eventually(lambda: difference(expected, clicks_of_users()), equals=EQUAL, timeout=60)

    user = next(iter(expected))[0]
    answer = copy.poc.dynamodb.query(
        TableName=copy.target["clickStreamTableName"],
        KeyConditionExpression="useremail_ = :user",
        ExpressionAttributeValues={":user": {"S": user}},
    )
    times = [one["nanotimestamp_"]["S"] for one in answer["Items"]]
    assert times == sorted(time for email, time in expected if email == user)


def test_the_records_of_a_kpl_aggregate_arrive_one_by_one(copy: Copy, eventually: Eventually) -> None:
    events = [json.loads(record.data) for record in clicks(120, seed=4)]
    aggregator = aws_kinesis_agg.aggregator.RecordAggregator()
    for event in events:
        aggregator.add_user_record(event["useremail_"], json.dumps(event).encode())
    partition_key, _, data = aggregator.clear_and_get().get_contents()
    [aggregate] = send(copy.prod.kinesis, copy.source["streamName"], [Record(partition_key, data)])

    expected = by_key(sub_record(aggregate, place, json.dumps(event).encode()) for place, event in enumerate(events))

    def of_the_aggregate() -> dict[tuple[str, str], Item]:
        items = table_items(copy.poc.dynamodb, copy.target["tables"]["table"])
        return by_key(one for one in items if one["sequenceNumber"].startswith(f"{aggregate.sequence_number}."))

    eventually(lambda: difference(expected, of_the_aggregate()), equals=EQUAL, timeout=60)
    # The other stories of this module compare what `put` sent: take these out of their sight.
    for item in expected.values():
        copy.poc.dynamodb.delete_item(
            TableName=copy.target["tables"]["table"],
            Key={name: {"S": item[name]} for name in ("seqNumbershardIdHash", "sequenceNumber")},
        )


def sub_record(aggregate: Sent, place: int, data: bytes) -> Item:
    """The item of one user record: keyed by the aggregate's sequence number and its place in it."""
    item = expected_item(Sent(Record("", data), aggregate.shard_id, aggregate.sequence_number))
    return {**item, "sequenceNumber": f"{aggregate.sequence_number}.{place:07}"}


def test_records_go_to_the_table_of_their_week_and_the_bucket_gets_them_all(
    weekly: Copy, eventually: Eventually
) -> None:
    weekly.put(clicks(300, seed=5))
    this = weekly.target["tables"][week_of(datetime.now(UTC))]

    eventually(weekly.table_difference, equals=EQUAL, timeout=60)
    assert difference(weekly.expected, by_key(table_items(weekly.poc.dynamodb, this))) == EQUAL
    eventually(weekly.lake_difference, equals=EQUAL, timeout=60)


def test_the_target_of_somebody_else_is_verified_through_a_role_that_may_read_it(
    weekly: Copy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tributary = typed_in(weekly.engine, monkeypatch, capsys)
    code, _, error = tributary("verify", "prod")
    assert code == 1
    assert "belongs to somebody else" in error
    assert "--target-role" in error

    role_arn = f"arn:aws:iam::{weekly.accounts['999999999999']}:role/TributaryDeployer"
    code, out, _ = tributary("verify", "prod", "--json", "--target-role", role_arn)
    report = json.loads(out)
    assert (code, report["stream"]["equal"], report["stream"]["sourceItems"]) == (0, True, len(weekly.expected))
    assert "lake" not in report
    assert "`tributary verify` on the stack of the target" in report["notes"][0]


def test_moving_to_the_next_week_keeps_the_older_tables(weekly: Copy, eventually: Eventually) -> None:
    weekly.put(clicks(50, seed=6))
    eventually(weekly.table_difference, equals=EQUAL, timeout=60)
    before = weekly.table_difference()

    file = weekly.engine.folder / "Pulumi.poc.yaml"
    content = yaml.safe_load(file.read_text())
    settings = content["config"]["tributary:architectures"]["web-analytics"]
    this = settings["weekly"]["current"]
    following = week_of(datetime.fromisocalendar(int(this[:4]), int(this[-2:]), 1) + timedelta(weeks=1))
    settings["weekly"] = {"current": following, "older": [*settings["weekly"]["older"], this]}
    file.write_text(yaml.safe_dump(content))
    weekly.engine.up("poc")

    kept = weekly.poc.dynamodb.describe_table(TableName=weekly.target["tables"][this])["Table"]
    assert kept["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert weekly.table_difference() == before == EQUAL
