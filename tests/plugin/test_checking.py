"""What the real plugin or AWS would refuse is refused before anything is deployed, in words that say what to do."""

from typing import Any

import pytest

from localcloud.plugin.provider import Provider
from localcloud.plugin.values import UNKNOWN, Secret

pytestmark = pytest.mark.pure

TRUST = (
    '{"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
)
TABLE = {"hashKey": "id", "attributes": [{"name": "id", "type": "S"}], "billingMode": "PAY_PER_REQUEST"}
STREAM = {"shardCount": 1}
FUNCTION = {
    "role": "arn:aws:iam::111111111111:role/r",
    "s3Bucket": "code",
    "s3Key": "k",
    "handler": "m.h",
    "runtime": "python3.13",
}
DELIVERY = {
    "destination": "extended_s3",
    "extendedS3Configuration": {"bucketArn": "arn:aws:s3:::b", "roleArn": "arn:aws:iam::111111111111:role/r"},
}
ALARM = {
    "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1, "metricName": "Errors",
    "namespace": "AWS/Lambda", "period": 60, "statistic": "Sum", "threshold": 1,
}  # fmt: skip
MAPPING = {"functionName": "f", "eventSourceArn": "arn:aws:kinesis:us-east-1:111111111111:stream/s"}

TOKENS = {
    "dashboard": "aws:cloudwatch/dashboard:Dashboard",
    "key": "aws:kms/key:Key",
    "table": "aws:dynamodb/table:Table",
    "stream": "aws:kinesis/stream:Stream",
    "function": "aws:lambda/function:Function",
    "delivery": "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
    "alarm": "aws:cloudwatch/metricAlarm:MetricAlarm",
    "mapping": "aws:lambda/eventSourceMapping:EventSourceMapping",
    "role": "aws:iam/role:Role",
    "queue": "aws:sqs/queue:Queue",
    "bucket": "aws:s3/bucket:Bucket",
    "group": "aws:cloudwatch/logGroup:LogGroup",
    "alias": "aws:kms/alias:Alias",
}


KEYLESS = {key: value for key, value in TABLE.items() if key != "attributes"}
CODELESS = {key: value for key, value in FUNCTION.items() if key != "s3Bucket"}
QUEUE_MAPPING = {"functionName": "f", "eventSourceArn": "arn:aws:sqs:us-east-1:111111111111:q", "batchSize": 100}
REGION = {"environment": {"variables": {"AWS_REGION": "x"}}}
LATEST = {**MAPPING, "startingPosition": "LATEST"}


def failures(kind: str, inputs: dict[str, Any]) -> dict[str, str]:
    found = Provider().check(TOKENS[kind], "mine", {}, inputs, b"seed")[1]
    return {failure.path: failure.reason for failure in found}


ROLE = "arn:aws:iam::111111111111:role/delivery"
PARAMETER = "extendedS3Configuration.processingConfiguration.processors[0].parameters[1]"


def transformed(name: str, value: str) -> dict[str, Any]:
    """A delivery stream that is transformed by a function, with one more parameter."""
    parameters = [{"parameterName": "LambdaArn", "parameterValue": "arn:aws:lambda:eu-west-1:111111111111:function:f"},
                  {"parameterName": name, "parameterValue": value}]  # fmt: skip
    processing = {"enabled": True, "processors": [{"type": "Lambda", "parameters": parameters}]}
    to = {"bucketArn": "arn:aws:s3:::b", "roleArn": ROLE, "processingConfiguration": processing}
    return {"destination": "extended_s3", "extendedS3Configuration": to}


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("table", TABLE),
        ("stream", STREAM),
        ("function", FUNCTION),
        ("delivery", DELIVERY),
        ("alarm", ALARM),
        ("mapping", {**MAPPING, "startingPosition": "TRIM_HORIZON"}),
        ("role", {"assumeRolePolicy": TRUST}),
        ("queue", {}),
        ("table", {**TABLE, "serverSideEncryption": {"enabled": True, "kmsKeyArn": UNKNOWN}}),
        ("function", {**FUNCTION, "environment": {"variables": {"TOKEN": Secret("hunter2")}}}),
    ],
)
def test_what_is_right_passes(kind: str, inputs: dict[str, Any]) -> None:
    assert failures(kind, inputs) == {}


@pytest.mark.parametrize(
    ("kind", "inputs", "path", "words"),
    [
        ("queue", {"visibilityTimeout": 3}, "visibilityTimeout", "spelling is `visibilityTimeoutSeconds`"),
        ("queue", {"delaySeconds": "10"}, "delaySeconds", 'must be a whole number, but it is "10"'),
        ("queue", {"delaySeconds": 901}, "delaySeconds", "from 0 to 900, but it is 901"),
        ("queue", {"name": "orders", "fifoQueue": True}, "name", "ends in .fifo"),
        ("role", {}, "assumeRolePolicy", "lacks the required property `assumeRolePolicy`"),
        ("role", {"assumeRolePolicy": "{}"}, "assumeRolePolicy", "must be JSON with a Statement"),
        ("role", {"assumeRolePolicy": TRUST, "maxSessionDuration": 60}, "maxSessionDuration", "at least 3600"),
        ("stream", {"shardCount": 1.5}, "shardCount", "must be a whole number"),
        ("stream", {}, "shardCount", "must be at least 1"),
        ("stream", {**STREAM, "streamModeDetails": {"streamMode": "ON_DEMAND"}}, "shardCount", "may not be given"),
        ("stream", {**STREAM, "retentionPeriod": 12}, "retentionPeriod", "from 24 to 8760"),
        ("stream", {**STREAM, "encryptionType": "KMS"}, "kmsKeyId", "is needed when encryptionType is KMS"),
        ("stream", {**STREAM, "encryptionType": "ROT13"}, "encryptionType", "is KMS or NONE, but it is ROT13"),
        ("stream", {**STREAM, "name": "a b"}, "name", "AWS's rule"),
        ("key", {"policy": "{"}, "policy", "is not JSON"),
        ("queue", {"redrivePolicy": "dead-letters"}, "redrivePolicy", "is not JSON"),
        ("dashboard", {"dashboardName": "board", "dashboardBody": "widgets"}, "dashboardBody", "is not JSON"),
        ("dashboard", {"dashboardName": "a b", "dashboardBody": "{}"}, "dashboardName", "letters, digits"),
        ("table", {**KEYLESS, "attributes": [{"name": "id", "kind": "S"}]}, "attributes[0].kind", "no property `attr"),
        ("table", {**TABLE, "attributes": [{"name": "id", "type": "T"}]}, "attributes[0].type", "may not be"),
        ("table", {**TABLE, "rangeKey": "at"}, "attributes", "key attribute `at` is not defined"),
        ("table", {**TABLE, "billingMode": "ON_DEMAND"}, "billingMode", "may not be"),
        ("table", {**TABLE, "billingMode": "PROVISIONED"}, "readCapacity", "at least 1"),
        ("table", {**TABLE, "streamEnabled": True}, "streamViewType", "is needed when streamEnabled is true"),
        ("table", {**TABLE, "name": "ab"}, "name", "3 to 255 characters"),
        ("table", {**TABLE, "replicas": [{"regionName": "eu-west-1"}]}, "replicas", "cannot do `replicas`"),
        ("function", {**FUNCTION, "timeout": 901}, "timeout", "from 1 to 900"),
        ("function", {**FUNCTION, "runtime": "python3.99"}, "runtime", "may not be"),
        ("function", CODELESS, "code", "exactly one of"),
        ("function", {**FUNCTION, **REGION}, "environment.variables.AWS_REGION", "reserved"),
        ("mapping", MAPPING, "startingPosition", "is needed for a stream"),
        ("mapping", {**MAPPING, "startingPosition": "EARLIEST"}, "startingPosition", "may not be"),
        ("mapping", {**LATEST, "batchSize": 10001}, "batchSize", "at most 10000"),
        ("mapping", {**LATEST, "functionResponseTypes": ["All"]}, "functionResponseTypes[0]", "may not be"),
        ("mapping", {**LATEST, "maximumRecordAgeInSeconds": 30}, "maximumRecordAgeInSeconds", "-1, or 60 to 604800"),
        ("mapping", QUEUE_MAPPING, "maximumBatchingWindowInSeconds", "at least 1 s"),
        ("mapping", {**QUEUE_MAPPING, "startingPosition": "LATEST"}, "startingPosition", "is for streams"),
        ("bucket", {"bucket": "Data"}, "bucket", "lower-case letters"),
        ("bucket", {"bucket": "192.168.1.1"}, "bucket", "as S3 wants them"),
        ("bucket", {"versioning": {"enabled": True}}, "versioning", "cannot do `versioning`"),
        ("group", {"retentionInDays": 10}, "retentionInDays", "is one of 0, 1, 3, 5, 7, 14"),
        ("key", {"deletionWindowInDays": 3}, "deletionWindowInDays", "from 7 to 30"),
        ("alias", {"name": "lake", "targetKeyId": "k"}, "name", "begins with alias/"),
        ("delivery", {"destination": "splunk"}, "destination", "extended_s3 only"),
        ("delivery", transformed("BufferIntervalInSeconds", "60"), PARAMETER, "differs at every deployment"),
        ("delivery", transformed("RoleArn", ROLE), PARAMETER, "leave it out"),
        ("alarm", {**ALARM, "period": 45}, "period", "multiple of 60"),
        ("alarm", {**ALARM, "treatMissingData": "ignored"}, "treatMissingData", "notBreaching"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_path(kind: str, inputs: dict[str, Any], path: str, words: str) -> None:
    found = failures(kind, inputs)

    assert words in found.get(path, f"nothing at {path}: {found}")


def test_buffering_is_large_enough_for_dynamic_partitioning() -> None:
    destination = {**DELIVERY["extendedS3Configuration"], "dynamicPartitioningConfiguration": {"enabled": True}}

    found = failures("delivery", {**DELIVERY, "extendedS3Configuration": destination})

    assert found.keys() == {"extendedS3Configuration.bufferingSize", "extendedS3Configuration.errorOutputPrefix"}


def test_a_message_never_shows_a_secret() -> None:
    found = failures("queue", {"delaySeconds": Secret("hunter2")})

    assert found == {
        "delaySeconds": "`delaySeconds` of aws.sqs.Queue `mine` is secret, and not of the type that it has to be."
    }

    found = failures("stream", {**STREAM, "name": Secret("hunter2 hunter2")})
    assert "hunter2" not in found["name"]
    assert "AWS's rule" in found["name"]
