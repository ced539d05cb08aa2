"""ExportTableToPointInTime writes the table's items and the manifests that name them, with the caller's permissions."""

import base64
import gzip
import hashlib
import json

import pytest
from botocore.exceptions import ClientError

from integration_tests.support.addressing import statement
from integration_tests.support.factories import objects

pytestmark = pytest.mark.local


@pytest.fixture
def filled(account, clients, table):
    """An account, its clients, and a table with point-in-time recovery that holds every type of attribute."""
    mine = account()
    description = table(mine)
    api = clients(mine).dynamodb
    items = [
        {
            "pk": {"S": f"{number:03d}"},
            "number": {"N": "12345678901234567890.123456789"},
            "nested": {"M": {"list": {"L": [{"BOOL": True}, {"NULL": True}]}, "set": {"NS": ["1", "2"]}}},
        }
        for number in range(60)
    ]
    for start in range(0, 60, 25):
        api.batch_write_item(
            RequestItems={
                description["TableName"]: [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            }
        )
    api.update_continuous_backups(
        TableName=description["TableName"], PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    return mine, description, items


def finished(api, arn: str, eventually) -> dict:
    return eventually(
        lambda: api.describe_export(ExportArn=arn)["ExportDescription"],
        until=lambda description: description["ExportStatus"] != "IN_PROGRESS",
        timeout=60,
    )


def test_an_export_holds_every_item(filled, clients, bucket, eventually) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html"""
    mine, description, items = filled
    api, store = clients(mine).dynamodb, bucket(mine)
    started = api.export_table_to_point_in_time(TableArn=description["TableArn"], S3Bucket=store, S3Prefix="exports")
    arn = started["ExportDescription"]["ExportArn"]
    assert started["ExportDescription"]["ExportStatus"] == "IN_PROGRESS"
    done = finished(api, arn, eventually)
    assert (done["ExportStatus"], done["ItemCount"], done["ExportFormat"]) == ("COMPLETED", 60, "DYNAMODB_JSON")

    files = objects(clients(mine).s3, store)
    folder = f"exports/AWSDynamoDB/{arn.rsplit('/', 1)[1]}"
    assert done["ExportManifest"] == f"{folder}/manifest-summary.json"
    summary = json.loads(files[done["ExportManifest"]])
    assert (summary["itemCount"], summary["tableArn"], summary["exportArn"]) == (60, description["TableArn"], arn)
    entries = [json.loads(line) for line in files[summary["manifestFilesS3Key"]].splitlines()]
    data = b""
    for entry in entries:
        body = files[entry["dataFileS3Key"]]
        assert entry["md5Checksum"] == base64.b64encode(hashlib.md5(body).digest()).decode()
        assert len(gzip.decompress(body).splitlines()) == entry["itemCount"]
        data += gzip.decompress(body)
    exported = [json.loads(line)["Item"] for line in data.splitlines()]
    assert sorted(exported, key=lambda item: item["pk"]["S"]) == items
    assert set(files) == {
        f"{folder}/{name}"
        for name in (
            "_started",
            "manifest-files.json",
            "manifest-files.checksum",
            "manifest-summary.json",
            "manifest-summary.checksum",
        )
    } | {entry["dataFileS3Key"] for entry in entries}


def test_an_export_needs_point_in_time_recovery(account, clients, table, bucket) -> None:
    mine = account()
    with pytest.raises(clients(mine).dynamodb.exceptions.PointInTimeRecoveryUnavailableException):
        clients(mine).dynamodb.export_table_to_point_in_time(TableArn=table(mine)["TableArn"], S3Bucket=bucket(mine))


def test_an_export_is_made_with_the_callers_permissions(filled, clients, bucket, principal, eventually) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport_Requesting.html"""
    mine, description, _ = filled
    store = bucket(mine)
    exporting = statement(["dynamodb:ExportTableToPointInTime", "dynamodb:DescribeExport"])
    without = principal(mine, [exporting]).dynamodb
    request = {"TableArn": description["TableArn"], "S3Bucket": store}
    arn = without.export_table_to_point_in_time(**request)["ExportDescription"]["ExportArn"]
    done = finished(without, arn, eventually)
    assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", "AccessDenied")
    assert objects(clients(mine).s3, store) == {}
    allowed = principal(mine, [exporting, statement("s3:PutObject", f"arn:aws:s3:::{store}/*")]).dynamodb
    arn = allowed.export_table_to_point_in_time(**request)["ExportDescription"]["ExportArn"]
    assert finished(allowed, arn, eventually)["ExportStatus"] == "COMPLETED"


def test_one_client_token_is_one_export(filled, clients, bucket, eventually) -> None:
    mine, description, _ = filled
    api = clients(mine).dynamodb
    request = {"TableArn": description["TableArn"], "S3Bucket": bucket(mine), "ClientToken": "once"}
    first, second = (api.export_table_to_point_in_time(**request)["ExportDescription"]["ExportArn"] for _ in range(2))
    assert first == second
    assert finished(api, first, eventually)["ExportStatus"] == "COMPLETED"
    assert [found["ExportArn"] for found in api.list_exports(TableArn=description["TableArn"])["ExportSummaries"]] == [
        first
    ]


@pytest.mark.differs("aws", "an incremental export is made there")
def test_what_the_local_cloud_cannot_export_it_refuses(filled, clients, bucket) -> None:
    mine, description, _ = filled
    with pytest.raises(ClientError, match="full exports only"):
        clients(mine).dynamodb.export_table_to_point_in_time(
            TableArn=description["TableArn"],
            S3Bucket=bucket(mine),
            ExportType="INCREMENTAL_EXPORT",
            IncrementalExportSpecification={"ExportFromTime": 1, "ExportToTime": 2},
        )
