"""The picture shows what the state holds: boxes by stack, an arrow for each mapping, delivery and permitted write."""

import json
from typing import Any

import pytest

from operations.diagram import mermaid

pytestmark = pytest.mark.pure

STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/clicks"
FUNCTION = "arn:aws:lambda:eu-west-1:111111111111:function:copier"
ROLE = "arn:aws:iam::111111111111:role/copier"
WRITER = "arn:aws:iam::999999999999:role/writer"
TABLE = "arn:aws:dynamodb:eu-west-1:999999999999:table/copy"
FAILURES = "arn:aws:s3:::failures-1a2b"


def resource(type_: str, urn_name: str, /, **outputs: Any) -> dict[str, Any]:
    return {"type": type_, "urn": f"urn:pulumi:s::p::{type_}::{urn_name}", "outputs": outputs}


def policy(role: str, action: str, target: Any) -> dict[str, Any]:
    document = json.dumps({"Statement": [{"Action": [action], "Resource": target}]})
    return resource("aws:iam/rolePolicy:RolePolicy", f"{role}-policy", role=role, policy=document)


def test_the_way_of_the_data_crosses_the_accounts() -> None:
    source = [
        resource("aws:kinesis/stream:Stream", "stream", arn=STREAM, name="clicks"),
        resource("aws:iam/role:Role", "role", arn=ROLE, name="copier"),
        policy("copier", "sts:AssumeRole", WRITER),
        resource("aws:lambda/function:Function", "copier", arn=FUNCTION, name="copier", role=ROLE),
        resource("aws:s3/bucket:Bucket", "failures", arn=FAILURES),
        resource(
            "aws:lambda/eventSourceMapping:EventSourceMapping",
            "mapping",
            eventSourceArn=f"{STREAM}/consumer/copier:1",
            functionArn=FUNCTION,
            batchSize=300.0,
            destinationConfig={"onFailure": {"destinationArn": FAILURES}},
        ),
        {"type": "pulumi:providers:aws", "urn": "urn:pulumi:s::p::pulumi:providers:aws::default"},
    ]
    target = [
        resource("aws:iam/role:Role", "writer", arn=WRITER, name="writer"),
        policy("writer", "dynamodb:BatchWriteItem", [TABLE]),
        resource("aws:dynamodb/table:Table", "table", arn=TABLE, name="copy", streamArn=""),
    ]
    assert mermaid({"poc": target, "prod": source}) == (
        "flowchart LR\n"
        '  subgraph poc["poc: account 999999999999"]\n'
        '    n0["DynamoDB table<br/>copy"]\n'
        "  end\n"
        '  subgraph prod["prod: account 111111111111"]\n'
        '    n1["Kinesis stream<br/>clicks"]\n'
        '    n2["Lambda function<br/>copier"]\n'
        '    n3["S3 bucket<br/>failures"]\n'
        "  end\n"
        '  n1 -->|"batches of 300"| n2\n'
        '  n2 -->|"what cannot be applied"| n3\n'
        '  n2 -->|"writes as writer"| n0\n'
    )


def test_a_tables_changes_go_by_stream_function_and_delivery_stream_to_a_bucket_and_its_copy() -> None:
    delivery = "arn:aws:firehose:eu-west-1:111111111111:deliverystream/changes"
    lake, copy = "arn:aws:s3:::lake", "arn:aws:s3:::copy"
    function = {"parameterName": "LambdaArn", "parameterValue": f"{FUNCTION}:$LATEST"}
    processor = {"type": "Lambda", "parameters": [function]}
    destination = {
        "bucketArn": lake,
        "bufferingInterval": 120.0,
        "bufferingSize": 1.0,
        "processingConfiguration": {"processors": [processor]},
    }
    stack = [
        resource("aws:dynamodb/table:Table", "1", arn=TABLE, name="people"),
        resource("aws:kinesis/stream:Stream", "2", arn=STREAM, name="changes"),
        resource("aws:lambda/function:Function", "3", arn=FUNCTION, name="flatten", role=ROLE),
        resource(
            "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
            "4",
            arn=delivery,
            name="changes",
            kinesisSourceConfiguration={"kinesisStreamArn": STREAM},
            extendedS3Configuration=destination,
        ),
        resource("aws:s3/bucket:Bucket", "5", arn=lake, bucket="lake"),
        resource("aws:s3/bucket:Bucket", "6", arn=copy, bucket="copy"),
        resource(
            "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
            "7",
            bucket="lake",
            rules=[{"destination": {"bucket": copy}}],
        ),
        resource(
            "aws:dynamodb/kinesisStreamingDestination:KinesisStreamingDestination",
            "8",
            tableName="people",
            streamArn=STREAM,
        ),
    ]
    drawn = mermaid({"lake": stack})
    assert drawn.splitlines()[-6:] == [
        "  end",
        '  n0 -->|"every change"| n2',
        '  n1 -->|"120 s or 1 MB"| n4',
        '  n1 -->|"is transformed by"| n3',
        '  n2 -->|"is read by"| n1',
        '  n4 -->|"copies"| n5',
    ]
