"""Draws the way of the data from the state of deployed stacks, so that the picture cannot say what is not there.

A box is a resource that holds or moves data. An arrow is a fact of the state: an event source mapping, a streaming
destination of a table, source, function and destination of a delivery stream, a bucket's replication, a role that a
function's policy lets it assume, what a role's policy lets it write, a table that it lets it only read, another
function that it lets it invoke.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Resource = Mapping[str, Any]

# Resource type → what a box is called.
BOXES: Mapping[str, str] = {
    "aws:kinesis/stream:Stream": "Kinesis stream",
    "aws:lambda/function:Function": "Lambda function",
    "aws:dynamodb/table:Table": "DynamoDB table",
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": "Firehose delivery stream",
    "aws:s3/bucket:Bucket": "S3 bucket",
    "aws:sns/topic:Topic": "SNS topic",
    "aws:sqs/queue:Queue": "SQS queue",
}
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
DELIVERY = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
FUNCTION = "aws:lambda/function:Function"
STREAMING = "aws:dynamodb/kinesisStreamingDestination:KinesisStreamingDestination"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
TABLE = "aws:dynamodb/table:Table"
BUCKET = "aws:s3/bucket:Bucket"

# Actions of a role's policy that move data out of the function.
WRITES = {
    "dynamodb:BatchWriteItem",
    "dynamodb:PutItem",
    "firehose:PutRecordBatch",
    "kinesis:PutRecords",
    "sns:Publish",
    "sqs:SendMessage",
}
READS, INVOKES = {"dynamodb:Query"}, {"lambda:InvokeFunction"}


@dataclass(frozen=True)
class Arrow:
    """Data goes from one ARN to another; `label` says how."""

    source: str
    target: str
    label: str


def mermaid(stacks: Mapping[str, Iterable[Resource]]) -> str:
    """A Mermaid flowchart of several stacks' resources: stack → resources of its state.

    https://mermaid.js.org/syntax/flowchart.html
    """
    by_stack = {stack: [one for one in resources if "outputs" in one] for stack, resources in stacks.items()}
    everything = [one for resources in by_stack.values() for one in resources]
    arrows = {
        *_mappings(everything),
        *_streamed(everything),
        *_deliveries(everything),
        *_replicated(everything),
        *_writes(everything),
    }
    ids: dict[str, str] = {}
    lines = ["flowchart LR"]
    for stack, resources in by_stack.items():
        account = next(filter(None, (one["outputs"].get("arn", "::::").split(":")[4] for one in resources)))
        lines.append(f'  subgraph {stack}["{stack}: account {account}"]')
        # In the order of their names in the program: physical names may have random ends.
        for box in sorted((one for one in resources if one["type"] in BOXES), key=lambda one: str(one["urn"])):
            ids[box["outputs"]["arn"]] = identifier = f"n{len(ids)}"
            lines.append(_box(identifier, box))
        lines.append("  end")
    # What belongs to nobody's stack that is drawn has no box.
    drawn = [one for one in arrows if {one.source, one.target} <= ids.keys()]
    return "\n".join([*lines, *sorted(f"  {_arrow(one, ids)}" for one in drawn)]) + "\n"


def _arrow(arrow: Arrow, ids: Mapping[str, str]) -> str:
    return f'{ids[arrow.source]} -->|"{arrow.label}"| {ids[arrow.target]}'


def _box(identifier: str, resource: Resource) -> str:
    outputs = resource["outputs"]
    # An automatic name has a random end, which the picture does not need.
    name = outputs.get("name") or resource["urn"].split("::")[-1]
    return f'    {identifier}["{BOXES[resource["type"]]}<br/>{name}"]'


def _mappings(resources: list[Resource]) -> Iterator[Arrow]:
    sources = {one["outputs"]["arn"]: one["outputs"]["arn"] for one in resources if one["type"] in BOXES}
    sources |= {one["outputs"]["streamArn"]: one["outputs"]["arn"] for one in resources if _has_stream(one)}
    for mapping in (one["outputs"] for one in resources if one["type"] == MAPPING):
        source = mapping["eventSourceArn"].split("/consumer/")[0]
        yield Arrow(sources[source], mapping["functionArn"], f"batches of {mapping['batchSize']:.0f}")
        failures = mapping.get("destinationConfig", {}).get("onFailure", {}).get("destinationArn")
        if failures:
            yield Arrow(mapping["functionArn"], failures, "what cannot be applied")


def _has_stream(resource: Resource) -> bool:
    return resource["type"] == "aws:dynamodb/table:Table" and bool(resource["outputs"].get("streamArn"))


def _streamed(resources: list[Resource]) -> Iterator[Arrow]:
    tables = {one["outputs"]["name"]: one["outputs"]["arn"] for one in resources if one["type"] == TABLE}
    for destination in (one["outputs"] for one in resources if one["type"] == STREAMING):
        yield Arrow(tables.get(destination["tableName"], ""), destination["streamArn"], "every change")


def _replicated(resources: list[Resource]) -> Iterator[Arrow]:
    buckets = {one["outputs"].get("bucket"): one["outputs"]["arn"] for one in resources if one["type"] == BUCKET}
    for replication in (one["outputs"] for one in resources if one["type"] == REPLICATION):
        for rule in replication["rules"]:
            yield Arrow(buckets.get(replication["bucket"], ""), rule["destination"]["bucket"], "copies")


def _deliveries(resources: list[Resource]) -> Iterator[Arrow]:
    for delivery in (one["outputs"] for one in resources if one["type"] == DELIVERY):
        if source := delivery.get("kinesisSourceConfiguration"):
            yield Arrow(source["kinesisStreamArn"], delivery["arn"], "is read by")
        for processor in delivery["extendedS3Configuration"].get("processingConfiguration", {}).get("processors", []):
            found = {one["parameterName"]: one["parameterValue"] for one in processor.get("parameters", [])}
            if function := found.get("LambdaArn"):
                yield Arrow(delivery["arn"], function.removesuffix(":$LATEST"), "is transformed by")
        destination = delivery["extendedS3Configuration"]
        yield Arrow(
            delivery["arn"],
            destination["bucketArn"],
            f"{destination['bufferingInterval']:.0f} s or {destination['bufferingSize']:.0f} MB",
        )


def _writes(resources: list[Resource]) -> Iterator[Arrow]:
    roles = {one["outputs"]["name"]: one["outputs"]["arn"] for one in resources if one["type"] == ROLE}
    allowed: dict[str, list[Mapping[str, Any]]] = {}
    for policy in (one["outputs"] for one in resources if one["type"] == ROLE_POLICY):
        allowed.setdefault(roles[policy["role"]], []).extend(json.loads(policy["policy"])["Statement"])
    for function in (one["outputs"] for one in resources if one["type"] == FUNCTION):
        own = allowed.get(function["role"], [])
        written = _written(own)
        for target in written:
            yield Arrow(function["arn"], target, "writes")
        for table in set(_resources_of(own, READS)) - set(written):
            yield Arrow(table, function["arn"], "is read by")
        for other in set(_resources_of(own, INVOKES)) - {function["arn"]}:
            yield Arrow(function["arn"], other, "wakes")
        for assumed in _resources_of(own, {"sts:AssumeRole"}):
            for target in _written(allowed.get(assumed, [])):
                yield Arrow(function["arn"], target, f"writes as {assumed.split('/')[-1]}")


def _written(statements: list[Mapping[str, Any]]) -> list[str]:
    return _resources_of(statements, WRITES)


def _resources_of(statements: list[Mapping[str, Any]], actions: set[str]) -> list[str]:
    return [
        resource
        for one in statements
        if actions & set(one["Action"])
        for resource in ([one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"])
    ]
