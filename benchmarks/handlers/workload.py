"""The records that the handlers are measured with, and an AWS that answers at once (or after a given latency)."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from boto3.dynamodb.types import TypeSerializer
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

RECORDS = 10_000
ENVIRONMENT = {
    "REPLICA_TABLE": "replica",
    "ROLE_ARN": "arn:aws:iam::999999999999:role/DynamoDB-ProdAnalyticsWrite-role",
    "TABLE_NAME": "prod-raven-lambda-webanalytics-crossaccount",
    "TARGET_REGION": "eu-west-1",
    "DELIVERY_STREAM": "prod-s3-firehose",
    "FAILURE_BUCKET": "failures",
    "TARGETS_TABLE": "targets",
    "LANES_TABLE": "lanes",
    "DRAINER": "drainer",
    "STREAM_ARN": "arn:aws:kinesis:eu-west-1:111111111111:stream/changes",
    "AWS_ACCESS_KEY_ID": "AKIAFUNCTION",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "eu-west-1",
}
_SESSION = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


class Context:
    """A Lambda context with two minutes left."""

    function_name = "ProdKinesisToPocDynamo"
    aws_request_id = "a-request"

    def get_remaining_time_in_millis(self) -> int:
        """Always the same."""
        return 120_000


def document(number: int) -> dict[str, Any]:
    """A web event of about 400 bytes; its floats are exact, so that boto3's decimals take them."""
    return {
        "event": "page view",
        "useremail_": f"user{number % 500}@example.com",
        "nanotimestamp_": f"{1_480_000_000_000_000_000 + number}",
        "amount": number / 8,
        "page": f"/fundraising/page-{number}",
        "browser": {"name": "Firefox", "version": 50, "languages": ["en", "fr"]},
        "referrer": None,
        "text": "x" * 120,
    }


def kinesis_event(count: int = RECORDS) -> dict[str, Any]:
    """A batch of Kinesis records as Lambda passes it."""
    return {"Records": [_record(number) for number in range(count)]}


def _record(number: int) -> dict[str, Any]:
    sequence_number = f"49590338271490256608559692538361571095921575989136{number:06}"
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": f"user{number % 500}@example.com",
            "sequenceNumber": sequence_number,
            "data": base64.b64encode(json.dumps(document(number)).encode()).decode(),
            "approximateArrivalTimestamp": time.time(),
        },
        "eventID": f"shardId-000000000000:{sequence_number}",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:111111111111:stream/web-analytics",
    }


def table_event(count: int = RECORDS) -> dict[str, Any]:
    """A batch of records of a table's stream as Lambda passes it, each of an item of its own."""
    return {"Records": [_change(number) for number in range(count)]}


def _change(number: int) -> dict[str, Any]:
    key = {"PK": {"S": f"user{number}@example.com"}}
    values = {name: value for name, value in document(number).items() if value is not None}
    image = TypeSerializer().serialize({**values, "amount": str(values["amount"])})["M"]
    return {
        "eventID": str(number),
        "eventName": "MODIFY",
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:111111111111:table/logfile/stream/2026-11-22T10:00:00.000",
        "dynamodb": {
            "ApproximateCreationDateTime": time.time(),
            "SequenceNumber": f"{number:021}",
            "Keys": key,
            "NewImage": {**key, **image},
        },
    }


@contextmanager
def answering_aws(latency_s: float = 0.0) -> Iterator[None]:
    """AWS in this process: every call succeeds, `latency_s` seconds after it was made."""

    def send(_session: object, request: AWSPreparedRequest) -> AWSResponse:
        if latency_s:
            time.sleep(latency_s)
        target = str(request.headers.get("X-Amz-Target", ""))
        body = b'{"FailedPutCount":0}' if target.endswith("PutRecordBatch") else b"{}" if target else _SESSION
        return AWSResponse(request.url, 200, HTTPHeaders(), _Raw(body))

    with patch.dict(os.environ, ENVIRONMENT), patch("botocore.httpsession.URLLib3Session.send", send):
        yield


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._body
