"""Probes of integration_tests.support.gaps: each looks whether a LocalStack lacks something, and says True if so."""

import json
import time
import urllib.request
from dataclasses import dataclass
from urllib.error import HTTPError

from botocore.exceptions import ClientError

from integration_tests.support import waiting
from integration_tests.support.addressing import Clients, Cloud, credentials_of, statement
from integration_tests.support.factories import LOGGING, Factories


@dataclass(frozen=True)
class Probe:
    """What a probe looks with: the administrators of two accounts, and factories whose things are removed."""

    cloud: Cloud
    own: Clients
    other: Clients
    make: Factories


def control_api(probe: Probe) -> bool:
    try:
        calls = f"{probe.cloud.endpoint}/_tributary/calls/{probe.own.account_id}"
        with urllib.request.urlopen(calls, timeout=30) as answer:
            return "application/json" not in answer.headers.get("content-type", "")
    except HTTPError:
        return True


def message_broker(probe: Probe) -> bool:
    try:
        probe.own.iot.describe_endpoint(endpointType="iot:Data-ATS")
    except ClientError:
        return True
    return False


def glue(probe: Probe) -> bool:
    try:
        probe.own.glue.get_databases()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    return False


def permissions(probe: Probe) -> bool:
    """A role that may do nothing lists buckets."""
    role_arn = probe.make.role(probe.own.account_id, trusts={"AWS": probe.own.account_id})
    assumed = probe.own.sts.assume_role(RoleArn=role_arn, RoleSessionName="probe")
    session = credentials_of(probe.own.session, probe.own.region, assumed["Credentials"])
    try:
        probe.cloud.clients(session, probe.own.account_id).s3.list_buckets()
    except ClientError:
        return False
    return True


def foreign_streams(probe: Probe) -> bool:
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


def closed_shards(probe: Probe) -> bool:
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


def streams_again(probe: Probe) -> bool:
    """A table's stream is switched off and on."""
    name = probe.make.table(probe.own.account_id, view="NEW_IMAGE")["TableName"]
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    try:
        for specification in ({"StreamEnabled": False}, on):
            probe.own.dynamodb.update_table(TableName=name, StreamSpecification=specification)
    except ClientError:
        return True
    return False


def item_limits(probe: Probe) -> bool:
    """A number of 39 digits is taken."""
    name = probe.make.table(probe.own.account_id)["TableName"]
    try:
        probe.own.dynamodb.put_item(TableName=name, Item={"pk": {"S": "x"}, "n": {"N": "9" * 39}})
    except ClientError:
        return False
    return True


def tokens(probe: Probe) -> bool:
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


def index_keys(probe: Probe) -> bool:
    """An item is taken whose attribute has another type than the key of its index."""
    index = {
        "IndexName": "by_kind",
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    types = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "kind")]
    name = probe.make.table(probe.own.account_id, AttributeDefinitions=types, GlobalSecondaryIndexes=[index])[
        "TableName"
    ]
    try:
        probe.own.dynamodb.put_item(TableName=name, Item={"pk": {"S": "x"}, "kind": {"N": "5"}})
    except ClientError:
        return False
    return True


def metrics_of_logs(probe: Probe) -> bool:
    """A line in the embedded metric format makes no metric.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    now_ms, own = int(time.time() * 1000), probe.own
    directive = {"Namespace": "Probes", "Dimensions": [["Of"]], "Metrics": [{"Name": "Looks"}]}
    line = {"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}, "Of": "probe", "Looks": 1}
    where = {"logGroupName": probe.make.log_group(own.account_id), "logStreamName": "probe"}
    own.logs.create_log_stream(**where)
    own.logs.put_log_events(**where, logEvents=[{"timestamp": now_ms, "message": json.dumps(line)}])
    try:
        waiting.eventually(lambda: own.cloudwatch.list_metrics(Namespace="Probes")["Metrics"], timeout=0.5)
    except AssertionError:
        return True
    return False


def simulated_roles(probe: Probe) -> bool:
    """Whether a role may assume another one is asked."""
    other = probe.make.role(probe.own.account_id)
    role_arn = probe.make.role(probe.own.account_id, [statement("sts:AssumeRole", other)])
    try:
        probe.own.iam.simulate_principal_policy(
            PolicySourceArn=role_arn, ActionNames=["sts:AssumeRole"], ResourceArns=[other]
        )
    except ClientError:
        return True
    return False
