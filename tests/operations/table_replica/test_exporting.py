"""Exports are asked for once, waited for, and read by their manifest."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.errors import OperationError
from operations.instruments.exporting import DataFile, Export, ExportBucket, data_files, finished, gigabytes, request
from operations.instruments.raw import RawDynamoDB
from operations.instruments.tables import Table

pytestmark = pytest.mark.pure

TABLE_ARN = "arn:aws:dynamodb:eu-west-1:444444444444:table/logfile"
ARN = f"{TABLE_ARN}/export/01700000000000-0a1b2c3d"
BUCKET = ExportBucket("exports-bucket", "444444444444", "arn:aws:kms:eu-west-1:444444444444:key/k")
MANIFEST = "exports/AWSDynamoDB/01700000000000-0a1b2c3d/manifest-summary.json"
DONE = {
    "ExportStatus": "COMPLETED",
    "S3Bucket": BUCKET.name,
    "ExportManifest": MANIFEST,
    "ItemCount": 3,
    "BilledSizeBytes": 512,
}


class _UnavailableError(Exception):
    pass


@dataclass
class _Client:
    """What the module calls of a DynamoDB client; `answers` are those of DescribeExport, in turn."""

    answers: list[Mapping[str, Any]] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    recovery: bool = True

    class exceptions:  # noqa: N801  # as botocore names it
        PointInTimeRecoveryUnavailableException = _UnavailableError
        ResourceNotFoundException = KeyError

    def describe_table(self, TableName: str) -> Any:  # noqa: N803
        return {"Table": {"TableArn": TABLE_ARN, "TableName": TableName}}

    def export_table_to_point_in_time(self, **asked: Any) -> Any:
        if not self.recovery:
            raise _UnavailableError
        self.asked.append(asked)
        return {"ExportDescription": {"ExportArn": ARN}}

    def describe_export(self, ExportArn: str) -> Any:  # noqa: N803
        assert ExportArn == ARN
        if not self.answers:
            raise ClientError({"Error": {"Code": "ExportNotFoundException", "Message": ""}}, "DescribeExport")
        return {"ExportDescription": self.answers.pop(0)}


def table(client: _Client) -> Table:
    dynamodb = object.__new__(RawDynamoDB)
    dynamodb.client, dynamodb.region = client, "eu-west-1"  # type: ignore[assignment]
    return Table(dynamodb, "logfile")


def test_an_export_is_asked_for_with_the_buckets_key_and_a_token() -> None:
    client = _Client()
    assert request(table(client), BUCKET, "run-7") == ARN
    assert client.asked == [
        {
            "TableArn": TABLE_ARN,
            "ClientToken": "run-7",
            "S3Bucket": BUCKET.name,
            "S3BucketOwner": BUCKET.account_id,
            "S3Prefix": "exports",
            "S3SseAlgorithm": "KMS",
            "S3SseKmsKeyId": BUCKET.key_arn,
            "ExportFormat": "DYNAMODB_JSON",
        }
    ]


def test_a_table_without_point_in_time_recovery_is_explained() -> None:
    with pytest.raises(OperationError, match="update-continuous-backups --table-name logfile"):
        request(table(_Client(recovery=False)), BUCKET, "run-7")


def test_it_is_waited_for_less_and_less_often() -> None:
    waits: list[float] = []
    export = finished(table(_Client([{"ExportStatus": "IN_PROGRESS"}] * 20 + [DONE])), ARN, sleep=waits.append)
    assert export == Export(ARN, BUCKET.name, MANIFEST, items=3, size_bytes=512)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.1, 10)
    assert (export.id, export.folder) == ("01700000000000-0a1b2c3d", "exports/AWSDynamoDB/01700000000000-0a1b2c3d")


@pytest.mark.parametrize(
    ("answers", "said"),
    [([{"ExportStatus": "FAILED", "FailureMessage": "Access denied"}], "Access denied"), ([], "no export")],
)
def test_what_went_wrong_is_said_with_what_to_do(answers: list[Mapping[str, Any]], said: str) -> None:
    with pytest.raises(OperationError, match=said) as raised:
        finished(table(_Client(answers)), ARN)
    assert "same command again" in str(raised.value)


def test_the_manifest_lists_the_files() -> None:
    entries = [{"itemCount": 2, "dataFileS3Key": "a.json.gz"}, {"itemCount": 1, "dataFileS3Key": "b.json.gz"}]

    class S3:
        def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
            assert (Bucket, Key) == (BUCKET.name, "exports/AWSDynamoDB/01700000000000-0a1b2c3d/manifest-files.json")
            return {"Body": io.BytesIO("".join(f"{json.dumps(entry)}\n" for entry in entries).encode())}

    files = data_files(S3(), Export(ARN, BUCKET.name, MANIFEST, 3, 512))  # type: ignore[arg-type]
    assert files == [DataFile("a.json.gz", 2), DataFile("b.json.gz", 1)]


@pytest.mark.parametrize(
    ("size_bytes", "shown"), [(600_000, "0.0006 GB"), (60e9, "60 GB"), (2**40, "1,100 GB"), (0, "0 GB")]
)
def test_a_size_is_shown_so_that_it_can_be_read(size_bytes: float, shown: str) -> None:
    assert gigabytes(size_bytes) == shown
