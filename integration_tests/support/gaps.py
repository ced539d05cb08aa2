"""What LocalStack does not do: the one table by which `--target localstack` skips tests, by name and reason.

A row names the tests that need something, by their fixtures and by the beginnings of their node ids, and a probe that
looks whether it is missing: tests are skipped while it is. integration_tests/test_localstack.py tells when it is not.
"""

import json
import secrets
import urllib.request
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.error import HTTPError

from botocore.exceptions import ClientError

from integration_tests.support import waiting
from integration_tests.support.addressing import Clients, Cloud, credentials_of, statement
from integration_tests.support.factories import LOGGING, Factories, unless_gone

INTEGRATION_TESTS = "integration_tests"
COPY, REPLICA, FAN_OUT = (f"{INTEGRATION_TESTS}/{name}" for name in ("cross_account_copy", "table_replica", "fan_out"))


@dataclass(frozen=True)
class Probe:
    """What a probe looks with: the administrators of two accounts, and factories whose things are removed."""

    cloud: Cloud
    own: Clients
    other: Clients
    make: Factories


@dataclass(frozen=True)
class Gap:
    """Something that LocalStack does not do; `missing` looks whether that is so.

    `elsewhere` says which other LocalStack does it, if one does.
    """

    name: str
    reason: str
    missing: Callable[[Probe], bool]
    tests: tuple[str, ...] = ()
    fixtures: tuple[str, ...] = ()
    elsewhere: str = ""


def _control_api(probe: Probe) -> bool:
    try:
        calls = f"{probe.cloud.endpoint}/_tributary/calls/{probe.own.account_id}"
        with urllib.request.urlopen(calls, timeout=30) as answer:
            return "application/json" not in answer.headers.get("content-type", "")
    except HTTPError:
        return True


def _message_broker(probe: Probe) -> bool:
    try:
        probe.own.iot.describe_endpoint(endpointType="iot:Data-ATS")
    except ClientError:
        return True
    return False


def _glue(probe: Probe) -> bool:
    try:
        probe.own.glue.get_databases()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    return False


def _permissions(probe: Probe) -> bool:
    """A role that may do nothing lists buckets."""
    role_arn = probe.make.role(probe.own.account_id, trusts={"AWS": probe.own.account_id})
    assumed = probe.own.sts.assume_role(RoleArn=role_arn, RoleSessionName="probe")
    session = credentials_of(probe.own.session, probe.own.region, assumed["Credentials"])
    try:
        probe.cloud.clients(session, probe.own.account_id).s3.list_buckets()
    except ClientError:
        return False
    return True


def _foreign_streams(probe: Probe) -> bool:
    """A function's mapping on a stream of another account, whose policy names the function's role."""
    stream_arn = probe.make.stream(probe.other.account_id)
    reads = [statement("kinesis:*")]
    function = probe.make.function(probe.own.account_id, "def handler(event, context): pass", statements=reads)
    allowed = [statement("kinesis:*", stream_arn, Principal={"AWS": function.role_arn})]
    policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    probe.other.kinesis.put_resource_policy(ResourceARN=stream_arn, Policy=policy)
    try:
        probe.make.mapping(function, stream_arn, StartingPosition="LATEST")
    except ClientError:
        return True
    return False


def _closed_shards(probe: Probe) -> bool:
    """A record of a shard that is closed is brought twice."""
    own, source = (
        probe.own,
        "def handler(event, _):\n    print(*(one['kinesis']['partitionKey'] for one in event['Records']))",
    )
    stream_arn = probe.make.stream(own.account_id)
    function = probe.make.function(own.account_id, source, statements=[LOGGING, statement("kinesis:*")])
    probe.make.mapping(function, stream_arn, StartingPosition="TRIM_HORIZON")
    own.kinesis.put_record(StreamARN=stream_arn, PartitionKey="brought", Data=b"x")
    own.kinesis.update_shard_count(StreamARN=stream_arn, TargetShardCount=2, ScalingType="UNIFORM_SCALING")

    def times() -> int:
        events = own.logs.filter_log_events(logGroupName=f"/aws/lambda/{function.name}")["events"]
        return sum("brought" in one["message"] for one in events)

    try:
        waiting.eventually(
            times, until=lambda found: found > 1, timeout=60, interval=0.5, retry=(own.logs.exceptions.ClientError,)
        )
    except AssertionError:
        return False
    return True


def _streams_again(probe: Probe) -> bool:
    """A table's stream is switched off and on."""
    name = probe.make.table(probe.own.account_id, view="NEW_IMAGE")["TableName"]
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    try:
        for specification in ({"StreamEnabled": False}, on):
            probe.own.dynamodb.update_table(TableName=name, StreamSpecification=specification)
    except ClientError:
        return True
    return False


def _item_limits(probe: Probe) -> bool:
    """A number of 39 digits is taken."""
    name = probe.make.table(probe.own.account_id)["TableName"]
    try:
        probe.own.dynamodb.put_item(TableName=name, Item={"pk": {"S": "x"}, "n": {"N": "9" * 39}})
    except ClientError:
        return False
    return True


def _tokens(probe: Probe) -> bool:
    """A transaction that comes again with its token is made again."""
    name = probe.make.table(probe.own.account_id)["TableName"]
    once = {
        "TableName": name,
        "Key": {"pk": {"S": "x"}},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    for _ in range(2):
        probe.own.dynamodb.transact_write_items(TransactItems=[{"Update": once}], ClientRequestToken="token")
    item = probe.own.dynamodb.get_item(TableName=name, Key=once["Key"], ConsistentRead=True)["Item"]
    return bool(item["n"]["N"] != "1")


GAPS = (
    Gap(
        "control API",
        "faults, later alarms and the calls that were made are the local cloud's own: no other target has them",
        _control_api,
        (
            f"{REPLICA}/test_alarms.py",
            f"{FAN_OUT}/test_commands.py::test_a_topic_of_iot_core_is_published_to_at_the_endpoint_of_its_account",
            f"{INTEGRATION_TESTS}/real_provider",
            f"{INTEGRATION_TESTS}/local_cloud/accounts/test_calls.py",
            f"{INTEGRATION_TESTS}/local_cloud/cloudwatch/test_alarms.py",
            f"{INTEGRATION_TESTS}/local_cloud/data_planes",
            f"{INTEGRATION_TESTS}/local_cloud/faults",
            f"{INTEGRATION_TESTS}/local_cloud/messaging/test_iot.py",
        ),
        ("faults",),
    ),
    Gap(
        "message broker",
        "there is no IoT Core, so the fan-out's stories have eight of the nine types of targets",
        _message_broker,
        elsewhere="a licensed LocalStack has it",
    ),
    Gap(
        "permissions",
        "nothing is refused for lack of a permission, a trust policy or a usable key",
        _permissions,
        (
            f"{COPY}/test_trust.py",
            f"{FAN_OUT}/test_functions.py::test_a_target_that_is_away_gets_everything_later_and_the_other_gets_nothing_twice",
            f"{INTEGRATION_TESTS}/engine/test_bounded_deployer.py",
            f"{INTEGRATION_TESTS}/test_harness.py::test_a_principal_has_exactly_its_permissions",
        ),
        elsewhere="a licensed LocalStack refuses when it is started with ENFORCE_IAM=1",
    ),
    Gap(
        "glue",
        "there is no Glue and no Athena, of which each lake's catalogue and each table's `bulk` are made",
        _glue,
        (
            f"{INTEGRATION_TESTS}/data_lake",
            f"{REPLICA}/test_athena.py",
            f"{REPLICA}/test_backfilling.py",
            f"{REPLICA}/test_operations.py::test_athena_says_what_scans_say_and_shows_what_it_takes",
            f"{REPLICA}/test_guarded.py::test_athena_compares_exports_that_each_account_makes_of_its_own_table",
            f"{REPLICA}/test_guarded.py::test_an_exports_rows_cross_the_border_beside_the_running_stream",
        ),
        elsewhere="a licensed LocalStack has them",
    ),
    Gap(
        "foreign streams",
        "there are no event source mappings on streams of other accounts",
        _foreign_streams,
        (f"{INTEGRATION_TESTS}/shared_stream",),
    ),
    Gap(
        "closed shards",
        "a mapping that comes to the end of a closed shard reads the whole stream again, so no story reshards one",
        _closed_shards,
    ),
    Gap(
        "streams again",
        "a table's stream that was switched off cannot be switched on again",
        _streams_again,
        (f"{REPLICA}/test_operations.py::test_what_no_stream_holds_any_more_is_told_at_once_and_repaired",),
    ),
    Gap(
        "item limits",
        "moto, which holds the tables without Docker, takes items that no table takes",
        _item_limits,
        (f"{REPLICA}/test_operations.py::test_rows_that_the_table_refuses_are_skipped_alone",),
        elsewhere="DynamoDB Local, which a container brings, refuses them",
    ),
    Gap(
        "tokens",
        "moto, which holds the tables without Docker, makes a transaction again that comes again with its token",
        _tokens,
        (
            f"{FAN_OUT}/test_stores.py::TestLanesTable::test_an_attempt_that_is_repeated_adds_nothing_after_it_was_delivered",
        ),
        elsewhere="DynamoDB Local, which a container brings, makes it once",
    ),
)


@dataclass
class Missing:
    """Looks what a LocalStack lacks, each gap once and when somebody asks."""

    cloud: Cloud
    _found: dict[str, bool] = field(default_factory=dict)

    def __call__(self, name: str) -> bool:
        if name not in self._found:
            [gap] = [one for one in GAPS if one.name == name]
            self._found[name] = self._look(gap)
        return self._found[name]

    def _look(self, gap: Gap) -> bool:
        with ExitStack() as cleanup:
            own, other = (self._administrator(self.cloud.lend_account(cleanup)) for _ in range(2))
            of = {one.account_id: one for one in (own, other)}
            make = Factories(
                of.__getitem__,
                lambda prefix: f"{prefix}-{secrets.token_hex(5)}",
                lambda call, *args, **options: cleanup.callback(unless_gone, call, *args, **options),
            )
            return gap.missing(Probe(self.cloud, own, other, make))

    def _administrator(self, account_id: str) -> Clients:
        return self.cloud.clients(self.cloud.session(account_id), account_id)


def gap_of(node_id: str, fixtures: Collection[str]) -> Gap | None:
    """The gap that a test falls into."""
    return next((gap for gap in GAPS if not set(gap.fixtures).isdisjoint(fixtures) or _names(gap.tests, node_id)), None)


def _names(tests: Collection[str], node_id: str) -> bool:
    return any(node_id == one or node_id.startswith((f"{one}/", f"{one}::", f"{one}[")) for one in tests)
