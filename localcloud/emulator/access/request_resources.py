"""Names the resource that an API request is authorized on, where the emulator names another or none.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
lists the resource of every action. A shard iterator carries its stream, a ciphertext its key, an alias stands for its
key.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator.access import partiql_statements
from localcloud.emulator.access.glue_resources import catalog_resource
from localcloud.emulator.patching import replaces
from localcloud.emulator.request_gate import Call, outline, parsed_body

Data = Mapping[str, Any]
TablesOf = Callable[[bytes, str, str], list[str]]


def _first(data: Data, *names: str) -> str:
    return next((str(data[name]) for name in names if isinstance(data.get(name), str) and data[name]), "")


def _kinesis(data: Data, region: str, account_id: str) -> str:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesis.html"""
    from localcloud.emulator.kinesis.api import iterator_stream_arn

    stream = _first(data, "ResourceARN", "ConsumerARN", "StreamARN")
    if not stream and data.get("StreamName"):
        stream = f"arn:aws:kinesis:{region}:{account_id}:stream/{data['StreamName']}"
    return stream or iterator_stream_arn(_first(data, "ShardIterator", "NextToken")) or "*"


# What these are asked about by name is a consumer; RegisterStreamConsumer, which has a name too, acts on the stream.
_OF_CONSUMERS = ("DescribeStreamConsumer", "DeregisterStreamConsumer")


def _consumer(stream_arn: str, name: str) -> str:
    """The ARN of a consumer named by stream and name; without the time of its making while there is none.

    https://docs.aws.amazon.com/streams/latest/dev/kcl-iam-permissions.html allows a consumer of the Kinesis Client
    Library, which asks before it registers, `consumer/*` alone; https://github.com/aws/aws-cdk/issues/22184 has AWS's
    refusal of somebody who lacks that.
    """
    from ministack.services import kinesis

    parts = stream_arn.split(":")
    for consumer in kinesis._consumers.values_scoped(parts[4], parts[3]):
        if consumer["StreamARN"] == stream_arn and consumer["ConsumerName"] == name:
            return str(consumer["ConsumerARN"])
    return f"{stream_arn}/consumer/{name}"


def _dynamodb_streams(data: Data, region: str, account_id: str) -> str:
    from ministack.services import dynamodb_streams

    arn = _first(data, "StreamArn")
    if arn or not data.get("ShardIterator"):
        return arn or "*"
    return (dynamodb_streams._decode_iterator(str(data["ShardIterator"])) or {}).get("arn") or "*"


def _firehose(data: Data, region: str, account_id: str) -> str:
    name = _first(data, "DeliveryStreamName")
    return (
        f"arn:aws:firehose:{region}:{account_id}:deliverystream/{name}"
        if name
        else _first(data, "DeliveryStreamARN") or "*"
    )


def _kms(data: Data, region: str, account_id: str) -> str:
    """The key itself, also for an alias.

    https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
    """
    from ministack.core.iam_actions import _kms_key_id_from_ciphertext

    from localcloud.emulator.access.keys import KmsError, find_key

    asked = _first(data, "KeyId", "TargetKeyId", "AliasName")
    if not asked:
        return _key_of_ciphertext(_kms_key_id_from_ciphertext(_first(data, "CiphertextBlob")))
    try:
        return find_key(asked, account_id, region).arn
    except KmsError:
        return asked if asked.startswith("arn:") else f"arn:aws:kms:{region}:{account_id}:key/{asked}"


def _events(data: Data, region: str, account_id: str) -> str:
    """The rule, which is named without the default bus; by ARN where tags are asked for.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """
    arn, rule = _first(data, "ResourceARN"), _first(data, "Rule", "Name")
    bus = _first(data, "EventBusName").rpartition("/")[2] or "default"
    if arn or not rule:
        return arn
    return f"arn:aws:events:{region}:{account_id}:rule/{rule if bus == 'default' else f'{bus}/{rule}'}"


# How operations of EventBridge are called that are about rules, their targets, or tags.
_OF_RULES = ("Rule", "Target", "Resource")


def _lambda(data: Data, region: str, account_id: str) -> str:
    """The function that CreateFunction will make; of every other operation the path names the resource.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
    """
    name = _first(data, "FunctionName")
    return f"arn:aws:lambda:{region}:{account_id}:function:{name}" if name and "Code" in data else ""


def _sqs(data: Data, region: str, account_id: str) -> str:
    """The queue whose messages are moved; every other operation names its queue by URL.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
    """
    return _first(data, "SourceArn") or queue_of_move_task(_first(data, "TaskHandle"))


def queue_of_move_task(handle: str) -> str:
    """The ARN of the queue that a message movement task empties, empty when the text is no task's handle."""
    try:
        return str(json.loads(base64.b64decode(handle, validate=True))["sourceArn"])
    except (ValueError, KeyError, TypeError):
        return ""


def _key_of_ciphertext(key_id: str) -> str:
    """The ARN of the key, in whichever account it is, that a ciphertext was made with."""
    from ministack.services import kms

    if not key_id:
        return "*"
    own = kms._keys.get(key_id)
    records = [own] if own else [record for record in kms._keys.all_values() if record.get("KeyId") == key_id]
    return str(records[0]["Arn"]) if records else f"arn:aws:kms:{get_region()}:{get_account_id()}:key/{key_id}"


def _athena(data: Data, region: str, account_id: str) -> str:
    """The workgroup: the one named, or the one of the query, which most operations name alone.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonathena.html
    """
    from ministack.services import athena

    if "ResourceARN" in data:  # of tags
        return str(data["ResourceARN"])
    if "QueryString" in data or "QueryExecutionId" in data:
        execution = athena._executions.get(data.get("QueryExecutionId")) or {}
        name = execution.get("WorkGroup") or _first(data, "WorkGroup") or "primary"
    else:
        name = _first(data, "WorkGroup")
        if not name and "Configuration" in data:  # CreateWorkGroup
            name = _first(data, "Name")
    return f"arn:aws:athena:{region}:{account_id}:workgroup/{name}" if name else ""


# DynamoDB operations that name their resource by ARN, or in a field that the emulator does not read.
_DYNAMODB_ARNS = ("ResourceArn", "TableArn", "ExportArn", "ImportArn", "BackupArn")

_NAMES: dict[str, Callable[[Data, str, str], str]] = {
    "athena": _athena,
    "dynamodb": lambda data, region, account_id: _first(data, *_DYNAMODB_ARNS),
    "dynamodbstreams": _dynamodb_streams,
    "events": _events,
    "firehose": _firehose,
    "kinesis": _kinesis,
    "kms": _kms,
    "lambda": _lambda,
    "sqs": _sqs,
    "states": lambda data, region, account_id: _first(data, "resourceArn", "mapRunArn"),
}


def resource_of(call: Call) -> str:
    """The ARN of the resource that a request acts on, `*` when it names none."""
    from ministack.core.iam_actions import extract_resource_arn

    params = call.query_params if call.service in ("lambda", "s3") else dict(call.data)
    return str(
        extract_resource_arn(
            call.service, call.method, call.path, call.headers, call.body, params, get_region(), get_account_id()
        )
    )


def install() -> None:
    """Name the resources of Athena, Glue, IAM, Kinesis, DynamoDB Streams, Firehose and KMS requests as AWS does."""
    from ministack.core.iam_actions import _query_param

    @replaces("ministack.core.iam_actions", "dynamodb_resource_arns", source="a7186900d54a")
    def tables_of(original: TablesOf, body: bytes, region: str, account_id: str) -> list[str]:
        return original(outline(body), region, account_id)

    @replaces("ministack.core.iam_actions", "dynamodb_transaction_checks", source="684e748338e8")
    def checks_of_transaction(
        original: Callable[..., list[tuple[str, str]]], action: str, body: bytes, region: str, account_id: str
    ) -> list[tuple[str, str]]:
        """Each action on each table once, however many items or statements ask for it."""
        found = partiql_statements.asked(action, parsed_body(body), region, account_id)
        return found or list(dict.fromkeys(original(action, body, region, account_id)))

    @replaces("ministack.core.iam_actions", "extract_resource_arn", source="82f51700695c")
    def resource_arn(
        original: Callable[..., str],
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Mapping[str, Any],
        region: str,
        account_id: str,
    ) -> str:
        name = _NAMES.get(service)
        if service == "lambda" and not path.rstrip("/").endswith("/functions"):
            name = None  # the body of an invocation is the caller's event, whatever its members are called
        found = name(parsed_body(body), region, account_id) if name is not None else ""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if service == "events" and not any(word in operation for word in _OF_RULES):
            found = ""
        if service == "iam":
            # https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
            found = _query_param(query_params, "PolicySourceArn")
        if service == "glue":
            found = catalog_resource(operation, parsed_body(body), region, account_id)
        if service == "kinesis" and operation in _OF_CONSUMERS and parsed_body(body).get("ConsumerName"):
            found = _consumer(found, str(parsed_body(body)["ConsumerName"]))
        return found or original(service, method, path, headers, body, query_params, region, account_id)
