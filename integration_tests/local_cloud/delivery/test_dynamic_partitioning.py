"""Dynamic partitioning: keys from jq and from the transformation function, aggregates, errors and retries.

https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning.html
"""

import base64
import json

import pytest

from integration_tests.local_cloud.delivery.conftest import LARGE_BUFFER_MB, error_lines, hints, processing, writes
from integration_tests.support.addressing import statement
from integration_tests.support.waiting import eventually

pytestmark = [pytest.mark.local, pytest.mark.aws]

QUERY = {"MetadataExtractionQuery": '{customer: .customer_id, year: .at|strftime("%Y")}', "JsonParsingEngine": "JQ-1.6"}


@pytest.fixture
def partitioned(delivery_stream):
    def made(prefix, *processors, retry_s=300, **configuration):
        return delivery_stream(
            Prefix=prefix,
            ErrorOutputPrefix="failed/!{firehose:error-output-type}/",
            BufferingHints=hints(1, LARGE_BUFFER_MB),
            DynamicPartitioningConfiguration={"Enabled": True, "RetryOptions": {"DurationInSeconds": retry_s}},
            ProcessingConfiguration=processing(*processors),
            **configuration,
        )

    return made


def record(customer, at=1565382027, **more) -> bytes:
    return json.dumps({"customer_id": customer, "at": at, **more}).encode()


def by_partition(stream, depth: int) -> dict[str, bytes]:
    """The bytes below each prefix of this many folders."""
    bodies: dict[str, bytes] = {}
    for key, body in stream.objects().items():
        prefix = "/".join(key.split("/")[:depth])
        bodies[prefix] = bodies.get(prefix, b"") + body
    return bodies


def test_records_are_grouped_by_the_keys_of_the_query(partitioned):
    prefix = "customer=!{partitionKeyFromQuery:customer}/year=!{partitionKeyFromQuery:year}/"
    stream = partitioned(prefix, ("MetadataExtraction", QUERY), ("AppendDelimiterToRecord", {}))
    a, b, c = record("a"), record("b"), record("a", at=1697000000)

    stream.put(a, b, c, a)

    expected = {
        "customer=a/year=2019": a + b"\n" + a + b"\n",
        "customer=b/year=2019": b + b"\n",
        "customer=a/year=2023": c + b"\n",
    }
    eventually(lambda: by_partition(stream, 2), equals=expected, timeout=20)


def test_keys_may_come_from_the_transformation_function(partitioned, function, account, make):
    account_id = account()
    source = (
        "import base64, json\n"
        "def handler(event, context):\n"
        "    out = []\n"
        "    for r in event['records']:\n"
        "        item = json.loads(base64.b64decode(r['data']))\n"
        "        keys = {'shard': str(item['n'] % 2)}\n"
        "        out.append({**r, 'result': 'Ok', 'metadata': {'partitionKeys': keys}})\n"
        "    return {'records': out}\n"
    )
    code, bucket = function(account_id, source), make.bucket(account_id)
    parameters = {"LambdaArn": code.arn, "BufferIntervalInSeconds": "1", "NumberOfRetries": "0"}
    stream = partitioned(
        "shard=!{partitionKeyFromLambda:shard}/",
        ("Lambda", parameters),
        account_id=account_id,
        bucket=bucket,
        statements=[*writes(bucket), statement("lambda:InvokeFunction", code.arn)],
    )

    stream.put(*[json.dumps({"n": number}).encode() for number in range(4)])

    expected = {"shard=0": b'{"n": 0}{"n": 2}', "shard=1": b'{"n": 1}{"n": 3}'}
    eventually(lambda: by_partition(stream, 1), equals=expected, timeout=20)


@pytest.mark.parametrize("bad", [b"not json", b'{"customer_id": null, "at": 1}', b'{"at": 1}'])
def test_a_record_without_its_keys_goes_to_the_error_output_alone(partitioned, bad):
    stream = partitioned(
        "customer=!{partitionKeyFromQuery:customer}/year=!{partitionKeyFromQuery:year}/", ("MetadataExtraction", QUERY)
    )

    stream.put(record("a"), bad, record("a"))

    stream.await_body(record("a") * 2, "customer=a/", timeout=20)
    (body,) = stream.await_objects(1, "failed/processing-failed/").values()
    (failure,) = error_lines(body)
    assert base64.b64decode(failure["rawData"]) == bad
    assert failure["errorCode"] == "DynamicPartitioning.MetadataExtractionFailed"


def test_concatenated_json_is_taken_apart_before_it_is_partitioned(partitioned):
    prefix = "customer=!{partitionKeyFromQuery:customer}/year=!{partitionKeyFromQuery:year}/"
    stream = partitioned(
        prefix,
        ("RecordDeAggregation", {"SubRecordType": "JSON"}),
        ("MetadataExtraction", QUERY),
        ("AppendDelimiterToRecord", {}),
    )

    stream.put(record("a") + b"\n" + record("b") + record("a"))

    expected = {"customer=a/year=2019": (record("a") + b"\n") * 2, "customer=b/year=2019": record("b") + b"\n"}
    eventually(lambda: by_partition(stream, 2), equals=expected, timeout=20)


def test_delimited_records_are_taken_apart(partitioned):
    prefix = "customer=!{partitionKeyFromQuery:customer}/year=!{partitionKeyFromQuery:year}/"
    delimiter = base64.b64encode(b"####").decode()
    stream = partitioned(
        prefix,
        ("RecordDeAggregation", {"SubRecordType": "DELIMITED", "Delimiter": delimiter}),
        ("MetadataExtraction", QUERY),
    )

    stream.put(record("a") + b"####" + record("b"))

    expected = {"customer=a/year=2019": record("a"), "customer=b/year=2019": record("b")}
    eventually(lambda: by_partition(stream, 2), equals=expected, timeout=20)


def test_a_partition_that_cannot_be_written_ends_in_the_error_output_after_the_retry_duration(
    partitioned, make, account
):
    account_id = account()
    bucket = make.bucket(account_id)
    forbidden = statement("s3:PutObject", f"arn:aws:s3:::{bucket}/customer=b/*", Effect="Deny")
    prefix = "customer=!{partitionKeyFromQuery:customer}/year=!{partitionKeyFromQuery:year}/"
    stream = partitioned(
        prefix,
        ("MetadataExtraction", QUERY),
        retry_s=1,
        account_id=account_id,
        bucket=bucket,
        statements=[*writes(bucket), forbidden],
    )

    stream.put(record("a"), record("b"), record("b", n=2))

    stream.await_body(record("a"), "customer=a/", timeout=20)
    (body,) = stream.await_objects(1, "failed/", timeout=30).values()
    failures = error_lines(body)
    assert [base64.b64decode(failure["rawData"]) for failure in failures] == [record("b"), record("b", n=2)]
    assert {failure["errorCode"] for failure in failures} == {"S3.AccessDenied"}
    assert stream.objects("customer=b/") == {}


def test_more_partitions_than_the_limit_go_to_the_error_output(partitioned):
    stream = partitioned(
        "customer=!{partitionKeyFromQuery:customer}/year=!{partitionKeyFromQuery:year}/", ("MetadataExtraction", QUERY)
    )

    stream.put(*[record(f"c{number:03d}") for number in range(503)])

    failures = eventually(
        lambda: [line for body in stream.objects("failed/").values() for line in error_lines(body)], timeout=60
    )
    s3 = stream.clients.s3
    eventually(lambda: s3.list_objects_v2(Bucket=stream.bucket, Prefix="customer=")["KeyCount"], equals=500, timeout=60)
    assert {failure["errorCode"] for failure in failures} == {"DynamicPartitioning.ActivePartitionsLimitExceeded"}
    assert len(failures) == 3
