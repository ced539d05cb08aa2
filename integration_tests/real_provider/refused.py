"""Inputs that the real provider refuses before it asks AWS, one wrong value each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

POLICY = '{"Version": "2012-10-17", "Statement": []}'
ROLE = "arn:aws:iam::111111111111:role/role"
STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/stream"

# Type → inputs that are right, and for each property (dotted) values that are not.
REFUSED: Mapping[str, tuple[Mapping[str, Any], Mapping[str, tuple[Any, ...]]]] = {
    "aws:cloudwatch/dashboard:Dashboard": (
        {"dashboardName": "board", "dashboardBody": '{"widgets": []}'},
        {"dashboardName": ("two words",), "dashboardBody": ("widgets",)},
    ),
    "aws:cloudwatch/logGroup:LogGroup": ({"name": "group"}, {"name": ("two words",), "retentionInDays": (2,)}),
    "aws:cloudwatch/metricAlarm:MetricAlarm": (
        {
            "name": "alarm",
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 1,
            "metricName": "Bad",
            "namespace": "Story",
            "period": 60,
            "statistic": "Sum",
            "threshold": 1,
        },
        {
            "comparisonOperator": ("Greater",),
            "datapointsToAlarm": (0,),
            "evaluationPeriods": (0,),
            "statistic": ("Median",),
            "treatMissingData": ("good",),
        },
    ),
    "aws:dynamodb/table:Table": (
        {
            "name": "table",
            "hashKey": "pk",
            "attributes": [{"name": "pk", "type": "S"}],
            "billingMode": "PAY_PER_REQUEST",
        },
        {
            "attributes": ([{"name": "pk", "type": "T"}],),
            "billingMode": ("FREE",),
            "streamViewType": ("EVERYTHING",),
            "tableClass": ("COLD",),
        },
    ),
    "aws:iam/role:Role": (
        {"name": "role", "assumeRolePolicy": POLICY},
        {
            "assumeRolePolicy": ("policy",),
            "maxSessionDuration": (3599, 43201),
            "name": ("n" * 65, "two words"),
        },
    ),
    "aws:iam/rolePolicy:RolePolicy": (
        {"name": "policy", "role": "role", "policy": POLICY},
        {"name": ("n" * 129,), "policy": ("policy",)},
    ),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": (
        {
            "name": "delivery",
            "destination": "extended_s3",
            "extendedS3Configuration": {"bucketArn": "arn:aws:s3:::bucket", "roleArn": ROLE},
        },
        {
            "destination": ("tape",),
            "name": ("n" * 65,),
            "extendedS3Configuration": tuple(
                {"bucketArn": "arn:aws:s3:::bucket", "roleArn": ROLE, **wrong}
                for wrong in (
                    {"compressionFormat": "ARJ"},
                    {"roleArn": "role"},
                    {"s3BackupMode": "Perhaps"},
                )
            ),
        },
    ),
    "aws:kinesis/resourcePolicy:ResourcePolicy": (
        {"resourceArn": STREAM, "policy": POLICY},
        {"policy": ("policy",), "resourceArn": ("stream",)},
    ),
    "aws:kinesis/stream:Stream": (
        {"name": "stream", "shardCount": 1},
        {
            "encryptionType": ("ROT13",),
            "retentionPeriod": (23, 8761),
            "streamModeDetails": ({"streamMode": "SOMETIMES"},),
        },
    ),
    "aws:kinesis/streamConsumer:StreamConsumer": (
        {"name": "consumer", "streamArn": STREAM},
        {"streamArn": ("stream",)},
    ),
    "aws:kms/alias:Alias": (
        {"name": "alias/key", "targetKeyId": "11111111-1111-1111-1111-111111111111"},
        {"name": ("key", "alias/aws/key")},
    ),
    "aws:kms/key:Key": (
        {"description": "key"},
        {
            "customerMasterKeySpec": ("ROUND",),
            "deletionWindowInDays": (6, 31),
            "keyUsage": ("OPEN",),
            "policy": ("policy",),
        },
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": (
        {"eventSourceArn": STREAM, "functionName": "function", "startingPosition": "LATEST"},
        {
            "functionResponseTypes": (["ReportNothing"],),
            "maximumRecordAgeInSeconds": (59, 604801),
            "maximumRetryAttempts": (-2, 10001),
            "parallelizationFactor": (0, 11),
            "startingPosition": ("NOW",),
            "startingPositionTimestamp": ("yesterday",),
        },
    ),
    "aws:lambda/function:Function": (
        {
            "name": "function",
            "role": ROLE,
            "s3Bucket": "bucket",
            "s3Key": "code.zip",
            "handler": "main.handler",
            "runtime": "python3.12",
        },
        {
            "architectures": (["z80"],),
            "memorySize": (127, 32769),
            "name": ("two words",),
            "packageType": ("Tar",),
            "role": ("role",),
            "runtime": ("python1.5",),
            "reservedConcurrentExecutions": (-2,),
        },
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (
        {"bucket": "bucket", "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": ({"objectOwnership": "Nobody"},)},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": ({"bucket": "bucket", "policy": POLICY}, {"policy": ("policy",)}),
    "aws:s3/bucketVersioning:BucketVersioning": (
        {"bucket": "bucket", "versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": ({"status": "Sometimes"},)},
    ),
}


@dataclass(frozen=True)
class Case:
    """One resource with one wrong value, and a label for it."""

    token: str
    label: str
    inputs: Mapping[str, Any]


def cases() -> Iterator[Case]:
    """Every wrong value, and each type's right inputs with the label `right`."""
    for token, (right, wrong) in REFUSED.items():
        yield Case(token, "right", right)
        for name, values in wrong.items():
            for number, value in enumerate(values):
                yield Case(token, f"{name}-{number}", {**right, name: value})
