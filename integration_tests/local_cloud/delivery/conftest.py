"""Delivery streams for the tests of this folder: a role that may write one bucket, a stream with short hints, its
objects.
"""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from integration_tests.support.addressing import Clients, statement
from integration_tests.support.factories import Factories, objects
from integration_tests.support.waiting import eventually

# Direct PUT streams accept no partitioning or conversion below 64 MiB:
# https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-enable.html
LARGE_BUFFER_MB = 64


@dataclass(frozen=True)
class DeliveryStream:
    """A stream under test, its S3 bucket and the clients of the account that owns the bucket."""

    name: str
    arn: str
    bucket: str
    role_arn: str
    clients: Clients
    bucket_owner: Clients
    source: str | None = None

    def put(self, *records: bytes) -> None:
        """Put records by PutRecordBatch, all of which have to be accepted."""
        for start in range(0, len(records), 500):
            entries = [{"Data": record} for record in records[start : start + 500]]
            answer = self.clients.firehose.put_record_batch(DeliveryStreamName=self.name, Records=entries)
            assert answer["FailedPutCount"] == 0

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        return objects(self.bucket_owner.s3, self.bucket, prefix)

    def await_objects(self, count: int = 1, prefix: str = "", timeout: float = 15.0) -> dict[str, bytes]:
        """The objects under the prefix, as soon as there are this many."""
        return eventually(lambda: self.objects(prefix), until=lambda found: len(found) >= count, timeout=timeout)

    def await_body(self, body: bytes, prefix: str = "", timeout: float = 15.0) -> dict[str, bytes]:
        """The objects under the prefix, as soon as they hold this together, in the order of their names."""
        return eventually(
            lambda: self.objects(prefix), until=lambda found: b"".join(found.values()) == body, timeout=timeout
        )

    def describe(self) -> dict[str, Any]:
        answer = self.clients.firehose.describe_delivery_stream(DeliveryStreamName=self.name)
        return answer["DeliveryStreamDescription"]

    def update(self, change: Mapping[str, Any]) -> None:
        description = self.describe()
        self.clients.firehose.update_destination(
            DeliveryStreamName=self.name,
            CurrentDeliveryStreamVersionId=description["VersionId"],
            DestinationId=description["Destinations"][0]["DestinationId"],
            ExtendedS3DestinationUpdate=dict(change),
        )

    def metric(self, name: str, statistic: str = "Sum") -> list[float]:
        """The data points of one of the stream's metrics of the last hour."""
        return metric(self.clients, "AWS/Firehose", name, {"DeliveryStreamName": self.name}, statistic)


def metric(clients: Clients, namespace: str, name: str, dimensions: Mapping[str, str], statistic: str) -> list[float]:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    answer = clients.cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=[statistic],
    )
    return [point[statistic] for point in answer["Datapoints"]]


def hints(interval_s: int, size_mb: int = 1) -> dict[str, int]:
    return {"IntervalInSeconds": interval_s, "SizeInMBs": size_mb}


def processing(*processors: tuple[str, Mapping[str, str]]) -> dict[str, Any]:
    """A ProcessingConfiguration of these processors."""
    return {
        "Enabled": True,
        "Processors": [
            {
                "Type": kind,
                "Parameters": [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()],
            }
            for kind, parameters in processors
        ],
    }


def writes(bucket: str) -> list[dict[str, Any]]:
    """The S3 statements of a delivery role: https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html"""
    actions = ["AbortMultipartUpload", "GetBucketLocation", "GetObject", "ListBucket", "ListBucketMultipartUploads"]
    actions = [f"s3:{action}" for action in (*actions, "PutObject", "PutObjectAcl")]
    return [statement(actions, [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])]


def put_policy(role_arn: str, clients: Clients, statements: Sequence[Mapping[str, Any]]) -> None:
    """Give a role these permissions in the place of those that it was made with."""
    clients.iam.put_role_policy(
        RoleName=role_arn.rsplit("/", 1)[1],
        PolicyName="test",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [dict(one) for one in statements]}),
    )


def error_lines(body: bytes) -> list[dict[str, Any]]:
    """The documents of an error object."""
    text = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def delivery_stream(
    make: Factories,
    clients: Callable[[str], Clients],
    account: Callable[[], str],
    unique: Callable[[str], str],
    cleanup: Callable[..., object],
) -> Callable[..., DeliveryStream]:
    """`delivery_stream(Prefix=…)`: a direct PUT stream that delivers after a second, as a role that may write the
    bucket.

    `account_id`, `bucket`, `bucket_owner` (an account id), `statements` (of the role), `source` (a Kinesis stream's
    ARN) and `role_arn` may be given; everything else is the configuration of the S3 destination.
    """

    def created(
        *,
        account_id: str | None = None,
        bucket: str | None = None,
        bucket_owner: str | None = None,
        statements: Sequence[Mapping[str, Any]] | None = None,
        source: str | None = None,
        role_arn: str | None = None,
        **configuration: Any,
    ) -> DeliveryStream:
        account_id = account_id or account()
        owner = bucket_owner or account_id
        bucket = bucket or make.bucket(owner)
        reads = [statement("kinesis:*", source)] if source else []
        permissions = [*writes(bucket), *reads] if statements is None else statements
        role_arn = role_arn or make.role(account_id, permissions, trusts="firehose.amazonaws.com")
        firehose, name = clients(account_id).firehose, unique("delivery")
        request: dict[str, Any] = {
            "DeliveryStreamName": name,
            "DeliveryStreamType": "KinesisStreamAsSource" if source else "DirectPut",
            "ExtendedS3DestinationConfiguration": {
                "RoleARN": role_arn,
                "BucketARN": f"arn:aws:s3:::{bucket}",
                "BufferingHints": hints(1),
                **configuration,
            },
        }
        if source:
            request["KinesisStreamSourceConfiguration"] = {"KinesisStreamARN": source, "RoleARN": role_arn}
        # On AWS a new role cannot be assumed at once.
        answer = eventually(
            lambda: firehose.create_delivery_stream(**request),
            timeout=30,
            interval=0.5,
            retry=(firehose.exceptions.InvalidArgumentException,) if _new_roles_take_time(clients, account_id) else (),
        )
        cleanup(firehose.delete_delivery_stream, DeliveryStreamName=name)
        stream = DeliveryStream(
            name, answer["DeliveryStreamARN"], bucket, role_arn, clients(account_id), clients(owner), source
        )
        eventually(lambda: stream.describe()["DeliveryStreamStatus"], equals="ACTIVE", timeout=120)
        return stream

    return created


def _new_roles_take_time(clients: Callable[[str], Clients], account_id: str) -> bool:
    return clients(account_id).sts.meta.endpoint_url.endswith(".amazonaws.com")
