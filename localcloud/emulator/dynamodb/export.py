"""Exports a table to S3: gzip data files and manifests, written with the caller's permissions.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html and
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ExportTableToPointInTime.html. The local cloud
keeps no history of a table, so it exports the table as it is now, and refuses what would need the past: earlier times
and incremental exports.
"""

import base64
import gzip
import hashlib
import json
import math
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Thread
from typing import Any

from ministack.core.responses import error_response_json, get_region, json_response, request_scope

from localcloud.emulator import eventloop
from localcloud.emulator.access.authorization import Session
from localcloud.emulator.access.callers import caller
from localcloud.emulator.patching import replaces
from localcloud.emulator.storage import StorageError, put_object

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

# DynamoDB writes at least one file for each partition, of which a new table on demand has four; a file here holds at
# most so many items.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.Partitions.html
ITEMS_PER_FILE, PARTITIONS = 10_000, 4
# A client that asks for "now" names a time that is past when it is read.
NOW_TOLERANCE_S = 2.0


def refused(request: Json, pitr: bool, now_s: float) -> tuple[str, str] | None:
    """The error code and message for a request that cannot be served, or None."""
    if request.get("ExportType", "FULL_EXPORT") != "FULL_EXPORT":
        return "ValidationException", "The local cloud makes full exports only: leave ExportType out."
    if request.get("ExportFormat", "DYNAMODB_JSON") != "DYNAMODB_JSON":
        return "ValidationException", "The local cloud exports DYNAMODB_JSON only: leave ExportFormat out."
    if not pitr:
        name = str(request["TableArn"]).rsplit("/", 1)[-1]
        return "PointInTimeRecoveryUnavailableException", f"Point in time recovery is not enabled for table '{name}'"
    asked_s = request.get("ExportTime")
    if asked_s is not None and float(asked_s) > now_s + NOW_TOLERANCE_S:
        return "InvalidExportTimeException", "ExportTime must not be in the future."
    if asked_s is not None and float(asked_s) < now_s - NOW_TOLERANCE_S:
        return "InvalidExportTimeException", "The local cloud exports a table as it is now: leave ExportTime out."
    return None


def install() -> None:
    @replaces("ministack.services.dynamodb", "_export_table_to_point_in_time", source="7de9a0bcce54")
    def export_table(original: Callable[[Json], Answer], request: Json) -> Answer:
        from ministack.services import dynamodb

        name = dynamodb._table_name_from_arn(request.get("TableArn") or "")
        known = set(dynamodb._exports)
        if name in dynamodb._tables:
            error = refused(request, bool(dynamodb._pitr_settings.get(name)), time.time())
            if error is not None:
                return error_response_json(*error, 400)  # type: ignore[no-any-return]
        answer = original(request)
        if answer[0] != 200:
            return answer
        description = dynamodb._exports[json.loads(answer[2])["ExportDescription"]["ExportArn"]]
        if description["ExportArn"] in known:  # the same client token again
            return answer
        description.update(_first_answer(request, description))
        items = [item for sorted_items in dynamodb._tables[name]["items"].values() for item in sorted_items.values()]
        eventloop.remember_loop()
        arguments = (description, items, caller(), get_region())
        Thread(target=_run, args=arguments, name="dynamodb-export", daemon=True).start()
        return json_response({"ExportDescription": description})  # type: ignore[no-any-return]

    @replaces("ministack.services.dynamodb", "_describe_export", source="28915d45df50")
    def describe_export(original: Callable[[Json], Answer], request: Json) -> Answer:
        from ministack.services import dynamodb

        description = dynamodb._exports.get(request.get("ExportArn"))
        if description is None:
            return original(request)
        return json_response({"ExportDescription": description})  # type: ignore[no-any-return]


def _first_answer(request: Json, description: Json) -> Json:
    return {
        "ExportTime": request.get("ExportTime", description["StartTime"]),
        "S3SseAlgorithm": request.get("S3SseAlgorithm", "AES256"),
        "ExportType": "FULL_EXPORT",
    }


def _run(description: Json, items: list[Json], session: Session, region: str) -> None:
    """Write the export and bring its description to an end; on a worker thread."""
    with request_scope(session.account_id, region):
        try:
            description.update(_written(description, items, session, region), ExportStatus="COMPLETED")
        except StorageError as error:
            description.update(ExportStatus="FAILED", FailureCode=error.code, FailureMessage=error.reason)
        description["EndTime"] = time.time()


def _written(description: Json, items: list[Json], session: Session, region: str) -> Json:
    """Write the files of an export; returns what its description says about them. Raises StorageError."""
    bucket = description["S3Bucket"]
    folder = f"AWSDynamoDB/{description['ExportArn'].rsplit('/', 1)[-1]}"
    if description.get("S3Prefix"):
        folder = f"{description['S3Prefix'].rstrip('/')}/{folder}"

    def put(name: str, body: bytes) -> None:
        put_object(session, bucket, f"{folder}/{name}", body, key_arn=description.get("S3SseKmsKeyId"), region=region)

    put("_started", b"")
    files = []
    most = max(1, min(ITEMS_PER_FILE, math.ceil(len(items) / PARTITIONS)))
    for start in range(0, max(1, len(items)), most):
        part = items[start : start + most]
        body = gzip.compress(
            "".join(f"{json.dumps({'Item': item}, separators=(',', ':'))}\n" for item in part).encode()
        )
        name = f"data/{secrets.token_hex(16)}.json.gz"
        put(name, body)
        files.append(
            {
                "itemCount": len(part),
                "md5Checksum": _md5(body),
                "etag": hashlib.md5(body, usedforsecurity=False).hexdigest(),
                "dataFileS3Key": f"{folder}/{name}",
            }
        )
    billed = sum(_size(item) for item in items)
    manifest = "".join(f"{json.dumps(entry)}\n" for entry in files).encode()
    summary = json.dumps(_summary(description, f"{folder}/manifest-files.json", billed, len(items))).encode()
    for name, body in (("manifest-files", manifest), ("manifest-summary", summary)):
        put(f"{name}.json", body)
        put(f"{name}.checksum", _md5(body).encode())
    return {
        "ExportManifest": f"{folder}/manifest-summary.json",
        "ItemCount": len(items),
        "BilledSizeBytes": billed,
    }


def _summary(description: Json, files_key: str, billed: int, count: int) -> Json:
    return {
        "version": "2020-06-30",
        "exportArn": description["ExportArn"],
        "startTime": _stamp(description["StartTime"]),
        "endTime": _stamp(time.time()),
        "tableArn": description["TableArn"],
        "tableId": description["TableId"],
        "exportTime": _stamp(description["ExportTime"]),
        "s3Bucket": description["S3Bucket"],
        "s3Prefix": description.get("S3Prefix"),
        "s3SseAlgorithm": description["S3SseAlgorithm"],
        "s3SseKmsKeyId": description.get("S3SseKmsKeyId"),
        "manifestFilesS3Key": files_key,
        "billedSizeBytes": billed,
        "itemCount": count,
        "outputFormat": "DYNAMODB_JSON",
        "exportType": "FULL_EXPORT",
    }


def _size(item: Json) -> int:
    from ministack.services import dynamodb

    return int(dynamodb._item_size_bytes(item))


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _stamp(time_s: float) -> str:
    return f"{datetime.fromtimestamp(float(time_s), UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
