"""Exports of a table to S3: as it was at one moment, without using any of its capacity.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.HowItWorks.html
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from operations.errors import OperationError
from operations.instruments.tables import Table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Where the exports of a replica's tables are in its export bucket, see components/table_replica/bulk.py.
PREFIX = "exports"
# An export takes minutes at the least; on a local cloud it is done at once.
FIRST_POLL_S, LONGEST_POLL_S = 0.1, 10.0
GB = 1e9


@dataclass(frozen=True)
class ExportBucket:
    """Where exports go, and the customer key that encrypts them."""

    name: str
    account_id: str
    key_arn: str


@dataclass(frozen=True)
class Export:
    """A finished export: its files are under `folder`. `size_bytes` is what DynamoDB bills, before compression."""

    arn: str
    bucket: str
    manifest_key: str
    items: int
    size_bytes: int

    @property
    def folder(self) -> str:
        """The key prefix of everything the export wrote, without a slash at its end."""
        return self.manifest_key.rpartition("/")[0]

    @property
    def id(self) -> str:
        """The export's own part of its ARN."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True)
class DataFile:
    """One of an export's gzip files of lines `{"Item": …}` in DynamoDB JSON."""

    key: str
    items: int


def request(table: Table, bucket: ExportBucket, token: str) -> str:
    """Ask for an export of the table as it is now; the ARN of the export.

    The same `token` within eight hours asks for the same export, so that whoever was interrupted asks again.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ExportTableToPointInTime.html
    Raises OperationError when the table has no point-in-time recovery, ClientError for anything else.
    """
    client = table.dynamodb.client
    try:
        answer = client.export_table_to_point_in_time(
            TableArn=table.description["TableArn"],
            ClientToken=token,
            S3Bucket=bucket.name,
            S3BucketOwner=bucket.account_id,
            S3Prefix=PREFIX,
            S3SseAlgorithm="KMS",
            S3SseKmsKeyId=bucket.key_arn,
            ExportFormat="DYNAMODB_JSON",
        )
    except client.exceptions.PointInTimeRecoveryUnavailableException:
        raise OperationError(
            f"table `{table.name}` has no point-in-time recovery, which an export needs. Turn it on by `aws dynamodb "
            f"update-continuous-backups --table-name {table.name} --region {table.dynamodb.region} "
            "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true`."
        ) from None
    return answer["ExportDescription"]["ExportArn"]


def finished(
    table: Table,
    export_arn: str,
    on_poll: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Export:
    """Wait for an export of the table. `on_poll` is called at each look.

    Raises OperationError when it failed or is no longer known.
    """
    wait_s = FIRST_POLL_S
    while (found := _described(table, export_arn))["ExportStatus"] == "IN_PROGRESS":
        on_poll()
        sleep(wait_s)
        wait_s = min(LONGEST_POLL_S, wait_s * 1.5)
    if found["ExportStatus"] != "COMPLETED":
        raise OperationError(
            f"the export of `{table.name}` failed: {found.get('FailureMessage') or found.get('FailureCode')}. Put that "
            "right, then type the same command again; docs/table-replica.md says what an export needs."
        )
    return Export(
        arn=export_arn,
        bucket=found["S3Bucket"],
        manifest_key=found["ExportManifest"],
        items=found["ItemCount"],
        size_bytes=found["BilledSizeBytes"],
    )


def data_files(s3: "S3Client", export: Export) -> list[DataFile]:
    """The files of a finished export, as its manifest lists them.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
    """
    body = s3.get_object(Bucket=export.bucket, Key=files_manifest(export))["Body"].read()
    entries = (json.loads(line) for line in body.splitlines())
    return [DataFile(entry["dataFileS3Key"], entry["itemCount"]) for entry in entries]


def files_manifest(export: Export) -> str:
    """The key of the manifest with a line of JSON for each data file."""
    return f"{export.folder}/manifest-files.json"


def gigabytes(size_bytes: float) -> str:
    """A size as it is shown: `0.0006 GB`, `60 GB`, `1,100 GB`."""
    size = size_bytes / GB
    return f"{size:,.0f} GB" if size >= 100 else f"{size:.3g} GB"


def _described(table: Table, export_arn: str) -> Mapping[str, Any]:
    client = table.dynamodb.client
    try:
        return client.describe_export(ExportArn=export_arn)["ExportDescription"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExportNotFoundException":
            raise
        raise OperationError(
            f"there is no export {export_arn} any more. Type the same command again: it asks for a new one."
        ) from None
