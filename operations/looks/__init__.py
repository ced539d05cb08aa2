"""Finds in an account what was to be made with certain inputs: the id of a resource that nobody noted."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from components.regions import partition_of
from operations.access import Account
from operations.looks.attached import ATTACHED
from operations.looks.common import Inputs, Look, by, first
from operations.looks.networks import NETWORKS

__all__ = ["LOOKS", "looked_up"]

# How services say that something is not there.
MISSING = ("NotFound", "NoSuch", "404", "DoesNotExist", "InvalidRequestException", "EntityNotFound")


def looked_up(account: Account, resource: Mapping[str, Any]) -> str | None:
    """The id of a resource that was to be made; None when it is not there, or making it again changes nothing."""
    look = LOOKS.get(resource["type"])
    try:
        return look(account, resource.get("inputs", {})) if look else None
    except ClientError as error:
        if any(word in error.response["Error"]["Code"] for word in MISSING):
            return None
        raise


def _log_group(account: Account, inputs: Inputs) -> str | None:
    groups = account.client("logs").describe_log_groups(logGroupNamePrefix=inputs["name"])["logGroups"]
    return first(group["logGroupName"] for group in groups if group["logGroupName"] == inputs["name"])


def _log_stream(account: Account, inputs: Inputs) -> str | None:
    group, name = inputs["logGroupName"], inputs["name"]
    streams = account.client("logs").describe_log_streams(logGroupName=group, logStreamNamePrefix=name)["logStreams"]
    return first(f"{group}:{name}" for stream in streams if stream["logStreamName"] == name)


def _alias(account: Account, inputs: Inputs) -> str | None:
    pages = account.client("kms").get_paginator("list_aliases").paginate()
    aliases = (alias["AliasName"] for page in pages for alias in page["Aliases"])
    return first(alias for alias in aliases if alias == inputs["name"])


def _mapping(account: Account, inputs: Inputs) -> str | None:
    found = account.client("lambda").list_event_source_mappings(
        FunctionName=inputs["functionName"], EventSourceArn=inputs["eventSourceArn"]
    )
    return first(mapping["UUID"] for mapping in found["EventSourceMappings"])


def _key(account: Account, inputs: Inputs) -> str | None:
    """A key has no name: one of this description that no alias was given yet."""
    kms = account.client("kms")
    aliases = kms.get_paginator("list_aliases").paginate()
    named = {alias.get("TargetKeyId") for page in aliases for alias in page["Aliases"]}
    pages = kms.get_paginator("list_keys").paginate()
    unnamed = (key["KeyId"] for page in pages for key in page["Keys"] if key["KeyId"] not in named)
    for key in unnamed:
        found = kms.describe_key(KeyId=key)["KeyMetadata"]
        if found["KeyState"] == "Enabled" and found.get("Description") == inputs.get("description"):
            return str(key)
    return None


def _database(account: Account, inputs: Inputs) -> str | None:
    account.client("glue").get_database(Name=inputs["name"])
    return f"{account.identity['Account']}:{inputs['name']}"


def _role_policy(account: Account, inputs: Inputs) -> str | None:
    """Its name may have a random end, with which it would be there twice."""
    account.client("iam").get_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"])
    return f"{inputs['role']}:{inputs['name']}"


def _catalog_table(account: Account, inputs: Inputs) -> str | None:
    database, name = inputs["databaseName"], inputs["name"]
    account.client("glue").get_table(DatabaseName=database, Name=name)
    return f"{account.identity['Account']}:{database}:{name}"


def _state_machine(account: Account, inputs: Inputs) -> str | None:
    place = f"arn:{partition_of(account.region)}:states:{account.region}:{account.identity['Account']}"
    arn = f"{place}:stateMachine:{inputs['name']}"
    return str(account.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["stateMachineArn"])


def _streaming_destination(account: Account, inputs: Inputs) -> str | None:
    table, stream = inputs["tableName"], inputs["streamArn"]
    found = account.client("dynamodb").describe_kinesis_streaming_destination(TableName=table)
    return first(
        f"{table},{stream}"
        for one in found.get("KinesisDataStreamDestinations", [])
        if one["StreamArn"] == stream and one["DestinationStatus"] in ("ACTIVE", "ENABLING", "UPDATING")
    )


# What refuses to be made twice, or would be there twice. All else is put: making it again changes nothing.
LOOKS: Mapping[str, Look] = {
    **ATTACHED,
    **NETWORKS,
    "aws:athena/workgroup:Workgroup": by("athena", "get_work_group", WorkGroup="name"),
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/logStream:LogStream": _log_stream,
    "aws:dynamodb/table:Table": by("dynamodb", "describe_table", TableName="name"),
    "aws:dynamodb/kinesisStreamingDestination:KinesisStreamingDestination": _streaming_destination,
    "aws:glue/catalogDatabase:CatalogDatabase": _database,
    "aws:glue/catalogTable:CatalogTable": _catalog_table,
    "aws:glue/crawler:Crawler": by("glue", "get_crawler", Name="name"),
    "aws:iam/role:Role": by("iam", "get_role", RoleName="name"),
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": by(
        "firehose",
        "describe_delivery_stream",
        "name",
        "DeliveryStreamDescription",
        "DeliveryStreamARN",
        DeliveryStreamName="name",
    ),
    "aws:kinesis/stream:Stream": by("kinesis", "describe_stream_summary", StreamName="name"),
    "aws:kinesis/streamConsumer:StreamConsumer": by(
        "kinesis",
        "describe_stream_consumer",
        "name",
        "ConsumerDescription",
        "ConsumerARN",
        StreamARN="streamArn",
        ConsumerName="name",
    ),
    "aws:kms/alias:Alias": _alias,
    "aws:kms/key:Key": _key,
    "aws:lambda/eventSourceMapping:EventSourceMapping": _mapping,
    "aws:lambda/function:Function": by("lambda", "get_function", FunctionName="name"),
    "aws:s3/bucket:Bucket": by("s3", "head_bucket", "bucket", Bucket="bucket"),
    "aws:sfn/stateMachine:StateMachine": _state_machine,
}
