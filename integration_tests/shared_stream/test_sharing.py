"""A stream read by functions of two other accounts: all records, in order, for whom the owner names only."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration_tests.shared_stream.sharing import INSTANCE, OWNER, REGION, SUBSCRIBER, Shared, deployed, numbered
from integration_tests.support.addressing import Clients, Cloud, statement
from integration_tests.support.deployments import NEW_ACCOUNTS_DIFFER, left, prepare
from integration_tests.support.factories import Factories, objects
from integration_tests.support.typing_commands import typed_in
from localcloud.faults import Faults
from operations import deploying, replaying
from operations.errors import EngineError, StackError
from operations.instruments.mappings import mappings

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]


@pytest.fixture(scope="module")
def shared(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """The owner and two subscribers."""
    with ExitStack() as cleanup:
        yield deployed(cloud, tmp_path_factory.mktemp("shared"), cleanup)


def arrive_everywhere(shared: Shared, eventually: Eventually) -> None:
    """Everything sent is in both accounts' logs, in order for each shard."""
    for account in (shared.subscriber, shared.second):
        eventually(lambda account=account: shared.logged(account), equals=shared.expected, timeout=60, interval=0.3)


def test_every_record_is_logged_in_order_by_both_subscribers(shared: Shared, eventually: Eventually) -> None:
    shared.put(numbered(500))
    arrive_everywhere(shared, eventually)
    assert "/consumer/" in shared.mapping(shared.subscriber)["EventSourceArn"]
    assert "/consumer/" not in shared.mapping(shared.second)["EventSourceArn"]


def test_a_third_account_and_a_role_not_named_cannot_read(
    shared: Shared, cloud: Cloud, account: Callable[[], str], principal: Callable[..., Clients]
) -> None:
    reads = [statement(["kinesis:*", "kms:Decrypt"])]
    named = shared.accounts["222222222222"]
    for account_id in (account(), named):
        stranger = principal(account_id, reads).session.client(
            "kinesis", endpoint_url=cloud.endpoint, region_name="eu-west-1"
        )
        with pytest.raises(ClientError) as refused:
            stranger.describe_stream_summary(StreamARN=shared.owner["KinesisStreamArn"])
        error = refused.value.response["Error"]
        assert error["Code"] == "AccessDeniedException"
        assert "kinesis:DescribeStreamSummary" in error["Message"]


@pytest.mark.parametrize("broken", ["stream policy", "consumer policy", "key"])
def test_what_the_owner_withdraws_stops_the_subscriber_until_it_is_restored(
    shared: Shared, eventually: Eventually, broken: str
) -> None:
    shared.put(numbered(20))
    arrive_everywhere(shared, eventually)
    withdraw, restore = WITHDRAWALS[broken]
    # A consumer's records come without asking the stream again; the stream's policy stops who reads its shards.
    stopped = shared.second if broken == "stream policy" else shared.subscriber

    kept = withdraw(shared)
    try:
        shared.put(numbered(20))
        told = eventually(
            lambda: shared.mapping(stopped)["LastProcessingResult"],
            until=lambda result: result.startswith("PROBLEM"),
            timeout=30,
        )
        assert "not authorized" in told or "denied" in told.lower(), told
    finally:
        restore(shared, kept)
    arrive_everywhere(shared, eventually)


def test_a_subscriber_that_cannot_keep_up_does_not_slow_the_other(
    shared: Shared, eventually: Eventually, faults: Faults
) -> None:
    shared.put(numbered(10))
    arrive_everywhere(shared, eventually)

    with faults.throttle(account=shared.second.account_id, service="lambda", operation="Invoke"):
        behind = shared.logged(shared.second)
        shared.put(numbered(300))
        eventually(lambda: shared.logged(shared.subscriber), equals=shared.expected, timeout=60, interval=0.3)
        assert shared.logged(shared.second) == behind
    arrive_everywhere(shared, eventually)


def test_a_stream_that_does_not_exist_is_told_and_leaves_nothing_that_cannot_be_removed(
    shared: Shared, cloud: Cloud, account: Callable[[], str], tmp_path: Path
) -> None:
    account_ids = {OWNER: shared.accounts[OWNER], SUBSCRIBER: account()}
    missing = shared.owner["KinesisStreamArn"].replace("kds-cross-account-stream", "no-such-stream")
    access = {"streamArn": missing, "keyArn": shared.owner["KMSKeyArn"]}
    changes = {"owner": access, "enhancedFanOut": False, "deletionProtection": False}
    engine = prepare(cloud, tmp_path, {"stream-subscriber": changes}, account_ids)

    with pytest.raises(EngineError, match="no-such-stream") as told:
        engine.up("stream-subscriber")
    assert "EventSourceMapping" in str(told.value)
    engine.destroy("stream-subscriber")


def test_resharding_while_records_flow_loses_nothing_and_keeps_the_order(
    shared: Shared, eventually: Eventually
) -> None:
    shared.put(numbered(200))
    shared.owner_account.kinesis.update_shard_count(
        StreamName=shared.owner["streamName"], TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    shared.put(numbered(200))
    eventually(
        lambda: shared.owner_account.kinesis.describe_stream_summary(StreamName=shared.owner["streamName"])[
            "StreamDescriptionSummary"
        ]["StreamStatus"],
        equals="ACTIVE",
        timeout=60,
    )
    shared.put(numbered(200))
    arrive_everywhere(shared, eventually)


def test_a_replay_logs_again_what_arrived_since_a_time_or_every_record(shared: Shared, eventually: Eventually) -> None:
    [first] = shared.put(numbered(1))
    shared.put(numbered(5, start=10))
    # A mapping begins at a whole second: the provider hands on no parts of it.
    arrived_s = int(time.time())
    eventually(lambda: int(time.time()), until=lambda now_s: now_s > arrived_s, timeout=5)
    [late] = shared.put(numbered(1, start=50))
    arrive_everywhere(shared, eventually)

    def times() -> tuple[int, int]:
        events = shared.subscriber.logs.filter_log_events(logGroupName=shared.group)["events"]
        lines = [one["message"] for one in events]
        return tuple(sum(f'"{one.sequence_number}"' in line for line in lines) for one in (first, late))  # type: ignore[return-value]

    arrival = arrival_of(shared.owner_account.kinesis, shared.owner["streamName"], late.shard_id, late.sequence_number)
    found = mappings(shared.engine, "stream-subscriber", None)
    replaying.replay(shared.engine, "stream-subscriber", found, arrival)
    eventually(times, equals=(1, 2), timeout=60, interval=0.3)
    file = shared.engine.folder / "Pulumi.stream-subscriber.yaml"
    assert "startingTimestamp" in file.read_text()

    # What began at a time stays as it is, and the next replay begins at the horizon again.
    shared.engine.run(["up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", "stream-subscriber"])
    found = mappings(shared.engine, "stream-subscriber", None)
    replaying.replay(shared.engine, "stream-subscriber", found)
    eventually(times, equals=(2, 3), timeout=60, interval=0.3)
    assert "startingTimestamp" not in file.read_text()


def test_a_subscriber_is_paused_goes_on_and_what_it_gave_up_is_redriven(
    shared: Shared, eventually: Eventually, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tributary = typed_in(shared.engine, monkeypatch, capsys)
    assert tributary("pause", "stream-subscriber", "--yes", "--json")[0] == 0
    assert shared.mapping(shared.subscriber)["State"] == "Disabled"
    [late] = shared.put(numbered(1, start=70))
    eventually(lambda: shared.logged(shared.second), equals=shared.expected, timeout=60, interval=0.3)
    assert late.sequence_number not in str(shared.logged(shared.subscriber))
    assert tributary("resume", "stream-subscriber", "--yes")[0] == 0
    arrive_everywhere(shared, eventually)

    kinesis = {
        "sequenceNumber": late.sequence_number,
        "partitionKey": late.record.partition_key,
        "data": "cmVjb3Jk",
        "approximateArrivalTimestamp": 1.0,
    }
    arn = shared.owner["KinesisStreamArn"]
    record = {"eventID": f"{late.shard_id}:{late.sequence_number}", "eventSourceARN": arn, "kinesis": kinesis}
    account = shared.subscriber.account_id
    function = f"arn:aws:lambda:{REGION}:{account}:function:kds-cross-account-stream-efo-consumer:$LATEST"
    stored = {"requestContext": {"functionArn": function}, "payload": json.dumps({"Records": [record]})}
    bucket = shared.engine.outputs("stream-subscriber")[INSTANCE]["failureBucketName"]
    s3 = shared.subscriber.s3
    s3.put_object(Bucket=bucket, Key="aws/lambda/a-mapping/x", Body=json.dumps(stored).encode())
    code, out, _ = tributary("redrive", "stream-subscriber", "--yes")
    assert (code, out.splitlines()[-1]) == (0, "All of 1 objects are applied.")

    def times() -> int:
        events = shared.subscriber.logs.filter_log_events(logGroupName=shared.group)["events"]
        return sum(f'"{late.sequence_number}"' in one["message"] for one in events)

    eventually(times, equals=2, timeout=30, interval=0.3)
    assert list(objects(s3, bucket, "")) == ["redriven/a-mapping/x"]

    code, _, error = tributary("redrive", "stream-owner")
    assert (code, "with a stack that reads its outputs, `stream-second`, `stream-subscriber`" in error) == (1, True)


def test_a_mapping_at_a_timestamp_reads_from_there_on(
    shared: Shared, eventually: Eventually, make: Factories, cloud: Cloud
) -> None:
    shared.put(numbered(10))
    [late] = shared.put(numbered(1, start=99))
    arrive_everywhere(shared, eventually)
    records = shared.owner_account.kinesis
    arrival = arrival_of(records, shared.owner["streamName"], late.shard_id, late.sequence_number)
    lambda_, name = shared.second.lambda_, "kds-cross-account-stream-efo-consumer"
    mapping = shared.mapping(shared.second)
    lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
    eventually(lambda: lambda_.list_event_source_mappings()["EventSourceMappings"], equals=[], timeout=30)

    def lines() -> list[dict[str, Any]]:
        events = shared.second.logs.filter_log_events(logGroupName=shared.group)["events"]
        return [json.loads(one["message"]) for one in events if one["message"].startswith('{"shard')]

    before = len(lines())
    own = lambda_.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=mapping["EventSourceArn"],
        StartingPosition="AT_TIMESTAMP",
        StartingPositionTimestamp=arrival,
        BatchSize=100,
    )
    read_again = eventually(
        lambda: lines()[before:],
        until=lambda found: late.sequence_number in [line["sequenceNumber"] for line in found],
        timeout=30,
        interval=0.3,
    )
    # CloudWatch Logs and JSON keep milliseconds.
    assert all(line["arrivalTime"] >= arrival.timestamp() - 0.001 for line in read_again)
    lambda_.delete_event_source_mapping(UUID=own["UUID"])
    eventually(lambda: lambda_.list_event_source_mappings()["EventSourceMappings"], equals=[], timeout=30)


def arrival_of(kinesis: Any, stream: str, shard: str, sequence_number: str) -> Any:
    """When the stream took a record."""
    iterator = kinesis.get_shard_iterator(
        StreamName=stream,
        ShardId=shard,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=sequence_number,
    )["ShardIterator"]
    return kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"][0]["ApproximateArrivalTimestamp"]


def test_the_owner_is_not_destroyed_under_its_subscribers(shared: Shared) -> None:
    with pytest.raises(StackError, match=r"`stream-owner` cannot be destroyed: `stream-second` reads its outputs"):
        deploying.destroy(shared.engine, ["stream-owner"], yes=True)


@NEW_ACCOUNTS_DIFFER
def test_nothing_is_left_when_owner_and_subscribers_are_destroyed(shared: Shared, cloud: Cloud) -> None:
    deploying.destroy(shared.engine, ["stream-owner", "stream-second", "stream-subscriber"], yes=True)

    assert shared.engine.deployed() == []
    assert left(cloud, REGION, shared.accounts.values()) == set()


def withdraw_policy(shared: Shared, resource_arn: str) -> dict[str, str]:
    kinesis = shared.owner_account.kinesis
    policy = kinesis.get_resource_policy(ResourceARN=resource_arn)["Policy"]
    kinesis.delete_resource_policy(ResourceARN=resource_arn)
    return {"ResourceARN": resource_arn, "Policy": policy}


def restore_policy(shared: Shared, kept: dict[str, str]) -> None:
    shared.owner_account.kinesis.put_resource_policy(**kept)


def withdraw_key(shared: Shared) -> dict[str, str]:
    kms, key = shared.owner_account.kms, shared.owner["KMSKeyArn"]
    policy = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    [owner_only] = [one for one in json.loads(policy)["Statement"] if OWNER_STATEMENT in one["Action"]]
    narrowed = json.dumps({"Version": "2012-10-17", "Statement": [owner_only]})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=narrowed)
    return {"KeyId": key, "PolicyName": "default", "Policy": policy}


def restore_key(shared: Shared, kept: dict[str, str]) -> None:
    shared.owner_account.kms.put_key_policy(**kept)


OWNER_STATEMENT = "kms:*"
WITHDRAWALS: dict[str, tuple[Callable[[Shared], dict[str, str]], Callable[[Shared, dict[str, str]], None]]] = {
    "stream policy": (lambda shared: withdraw_policy(shared, shared.owner["KinesisStreamArn"]), restore_policy),
    "consumer policy": (
        lambda shared: withdraw_policy(shared, shared.owner["KinesisStreamEFOConsumerArn"]["subscriber"]),
        restore_policy,
    ),
    "key": (withdraw_key, restore_key),
}
