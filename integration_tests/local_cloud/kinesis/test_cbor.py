"""A client that speaks CBOR, as the AWS SDK for Java 2 does: maps of unknown length, bytes as bytes, times in ms.

https://github.com/aws/aws-sdk-java-v2/tree/master/core/protocols/aws-cbor-protocol
"""

import io
import json
import struct
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from botocore.parsers import BaseCBORParser

from integration_tests.support.addressing import statement

pytestmark = [pytest.mark.local, pytest.mark.aws]

CBOR = "application/x-amz-cbor-1.1"


class Time(float):
    """Seconds since the epoch, to be sent as a time."""


def encoded(value) -> bytes:
    """As Jackson writes it."""
    match value:
        case bool():
            return b"\xf5" if value else b"\xf4"
        case Time():
            return b"\xc1\x1b" + struct.pack(">Q", round(value * 1000))
        case int():
            return b"\x1b" + struct.pack(">Q", value)
        case str():
            return b"\x7a" + struct.pack(">I", len(value.encode())) + value.encode()
        case bytes():
            return b"\x5a" + struct.pack(">I", len(value)) + value
        case dict():
            return b"\xbf" + b"".join(encoded(part) for item in value.items() for part in item) + b"\xff"
        case list():
            return b"\x9f" + b"".join(map(encoded, value)) + b"\xff"
    raise TypeError(type(value))


class Parser(BaseCBORParser):
    """Times as whole milliseconds, which is what Java takes them for."""

    def _parse_datetime(self, value):
        assert isinstance(value, int), value
        return {"ms": value}


def decoded(body: bytes):
    return Parser().parse_data_item(io.BufferedReader(io.BytesIO(body)))


class Client:
    """Calls Kinesis with CBOR through boto3's signing; answers are what the bytes say."""

    def __init__(self, clients, cloud):
        self._kinesis = clients.client("kinesis", parameter_validation=False)
        self._kinesis.meta.events.register("before-call.kinesis", self._as_cbor)
        self._kinesis.meta.events.register("before-parse.kinesis", self._keep)
        self._request, self.answer, self.content_type = {}, None, None

    def __call__(self, operation: str, **request):
        self._request = request
        try:
            self._kinesis._make_api_call(operation, {})
        except ClientError as error:
            return error.response["Error"]["Code"]
        return self.answer

    def _as_cbor(self, params, **_):
        params["body"] = encoded(self._request)
        params["headers"]["Content-Type"] = CBOR

    def _keep(self, response_dict, **_):
        self.content_type = response_dict["headers"].get("content-type")
        body = response_dict["body"]
        if isinstance(body, bytes):
            self.answer = decoded(body) if body else {}
            plain = {name: text for name, text in self.answer.items() if name in ("__type", "message")}
            response_dict["body"] = json.dumps(plain).encode()
            response_dict["headers"]["content-type"] = "application/x-amz-json-1.1"


@pytest.fixture
def java(administrator, cloud):
    return Client(administrator, cloud)


def test_a_stream_is_made_written_and_read(java, kinesis, unique, cleanup, eventually):
    name, before_s = unique("stream"), time.time()
    assert java("CreateStream", StreamName=name, ShardCount=1, Tags={"team": "data"}) == {}
    cleanup(kinesis.delete_stream, StreamName=name, EnforceConsumerDeletion=True)
    summary = eventually(
        lambda: java("DescribeStreamSummary", StreamName=name)["StreamDescriptionSummary"],
        until=lambda described: described["StreamStatus"] == "ACTIVE",
        timeout=300,
    )
    assert abs(summary["StreamCreationTimestamp"]["ms"] / 1000 - time.time()) < 300
    assert java.content_type == CBOR

    java("PutRecord", StreamName=name, PartitionKey="a", Data=b"\x00one\xff")
    answer = java("PutRecords", StreamName=name, Records=[{"PartitionKey": "é", "Data": b"two"}])
    assert answer["FailedRecordCount"] == 0
    shard_id = answer["Records"][0]["ShardId"]
    for position in (
        {"ShardIteratorType": "TRIM_HORIZON"},
        {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": Time(before_s - 60)},
    ):
        iterator = java("GetShardIterator", StreamName=name, ShardId=shard_id, **position)["ShardIterator"]
        records = java("GetRecords", ShardIterator=iterator)["Records"]
        assert [(one["PartitionKey"], one["Data"]) for one in records] == [("a", b"\x00one\xff"), ("é", b"two")]
        assert all(before_s - 60 < one["ApproximateArrivalTimestamp"]["ms"] / 1000 for one in records)


def test_refusals_come_as_cbor_and_permissions_are_on_the_stream(java, made, principal, administrator, cloud, kinesis):
    name = made()
    assert java("DescribeStreamSummary", StreamName="nobody") == "ResourceNotFoundException"
    assert java("CreateStream", StreamName="no name", ShardCount=1) == "ValidationException"
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    writer = Client(principal(administrator.account_id, [statement("kinesis:PutRecord", arn)]), cloud)
    assert "SequenceNumber" in writer("PutRecord", StreamName=name, PartitionKey="a", Data=b"x")
    assert writer("DescribeStreamSummary", StreamName=name) == "AccessDeniedException"
    assert writer.content_type == CBOR


def test_subscribe_to_shard_pushes_cbor(java, made, kinesis, administrator, unique, eventually):
    name = made()
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    consumer = java("RegisterStreamConsumer", StreamARN=arn, ConsumerName=unique("consumer"))["Consumer"]
    eventually(
        lambda: java("DescribeStreamConsumer", ConsumerARN=consumer["ConsumerARN"])["ConsumerDescription"],
        until=lambda described: described["ConsumerStatus"] == "ACTIVE",
        timeout=120,
    )
    kinesis.put_record(StreamName=name, PartitionKey="a", Data=b"pushed")
    asked = {
        "ConsumerARN": consumer["ConsumerARN"],
        "ShardId": "shardId-000000000000",
        "StartingPosition": {"Type": "TRIM_HORIZON"},
    }
    headers = {"Content-Type": CBOR, "X-Amz-Target": "Kinesis_20131202.SubscribeToShard"}
    request = AWSRequest("POST", kinesis.meta.endpoint_url, data=encoded(asked), headers=headers)
    SigV4Auth(administrator.session.get_credentials(), "kinesis", administrator.region).add_auth(request)
    request.stream_output = True
    response = URLLib3Session(timeout=60).send(request.prepare())
    buffer, kept = EventStreamBuffer(), []
    for chunk in response.raw.stream():
        buffer.add_data(chunk)
        kept += [message for message in buffer if message.headers.get(":event-type") == "SubscribeToShardEvent"]
        if kept:
            break
    response.raw.close()
    assert kept[0].headers[":content-type"] == CBOR
    event = decoded(kept[0].payload)
    (record,) = event["Records"]
    assert (record["PartitionKey"], record["Data"]) == ("a", b"pushed")
    assert isinstance(record["ApproximateArrivalTimestamp"]["ms"], int)
    assert set(event) >= {"ContinuationSequenceNumber", "MillisBehindLatest"}
