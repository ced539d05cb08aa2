"""PutRecord and PutRecordBatch: checks records and hands them to the stream's pipeline.

https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecord.html
"""

import base64
import binascii
import time
from typing import Any

from ministack.core.responses import json_response

from localcloud.emulator.firehose import monitoring, streams
from localcloud.emulator.firehose.answers import Answer, Operation, invalid, refusal, violation
from localcloud.emulator.firehose.records import Record, new_record_id

# https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
MAX_RECORD_BYTES = 1000 * 1024
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024


def put_record(original: Operation, data: dict[str, Any]) -> Answer:
    started_s = time.perf_counter()
    stored, refused = _accepting(data)
    if refused is not None:
        return refused
    if stored is None:
        return original(data)
    encoded = (data.get("Record") or {}).get("Data")
    try:
        content = base64.b64decode(encoded or "", validate=True)
    except (binascii.Error, ValueError):
        return _serialization()
    if encoded is None:
        return _null("record.data")
    if len(content) > MAX_RECORD_BYTES:
        return _too_long("record.data")
    record_id = new_record_id()
    if not streams.pipeline_of(stored).put([Record(content, int(time.time() * 1000), record_id)]):
        return refusal("ServiceUnavailableException", "Slow down.", 503)
    _measure_put(stored, "PutRecord", [content], started_s)
    return _answer(stored, {"RecordId": record_id})


def put_record_batch(original: Operation, data: dict[str, Any]) -> Answer:
    started_s = time.perf_counter()
    stored, refused = _accepting(data)
    if refused is not None:
        return refused
    if stored is None:
        return original(data)
    entries = data.get("Records") or []
    if not 1 <= len(entries) <= MAX_BATCH_RECORDS:
        limit = "greater than or equal to 1" if not entries else f"less than or equal to {MAX_BATCH_RECORDS}"
        return _violates("Value at 'records'", f"Member must have length {limit}")
    try:
        contents = [base64.b64decode(entry["Data"], validate=True) for entry in entries]
    except KeyError:
        return _null("records.member.data")
    except (binascii.Error, ValueError, TypeError):
        return _serialization()
    for index, content in enumerate(contents, start=1):
        if len(content) > MAX_RECORD_BYTES:
            return _too_long(f"records.{index}.member.data")
    if sum(map(len, contents)) > MAX_BATCH_BYTES:
        return invalid("Records size exceeds 4 MB limit")
    arrival_ms = int(time.time() * 1000)
    records = [Record(content, arrival_ms, new_record_id()) for content in contents]
    taken = streams.pipeline_of(stored).put(records)
    _measure_put(stored, "PutRecordBatch", contents[:taken], started_s)
    answers: list[dict[str, str]] = [{"RecordId": record.record_id} for record in records[:taken]]
    slow = {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
    failed = len(records) - taken
    return _answer(stored, {"FailedPutCount": failed, "RequestResponses": answers + [slow] * failed})


def _accepting(data: dict[str, Any]) -> tuple[dict[str, Any] | None, Answer | None]:
    """The stored stream that takes this put, None when the emulator's own operation is to answer; or the refusal."""
    from ministack.services import firehose

    stored = firehose._streams.get(data.get("DeliveryStreamName", ""))
    if stored is None or stored["status"] != "ACTIVE" or streams.s3_destination(stored) is None:
        return None, None
    if stored["type"] != "DirectPut":
        # https://docs.aws.amazon.com/firehose/latest/dev/writing-with-kinesis-streams.html
        return None, invalid(f"This operation is not permitted on {stored['type']} delivery stream type.")
    return stored, None


def _answer(stored: dict[str, Any], body: dict[str, Any]) -> Answer:
    encrypted = (stored.get("encryption") or {}).get("Status") == "ENABLED"
    answer: Answer = json_response({**body, "Encrypted": encrypted})
    return answer


def _measure_put(stored: dict[str, Any], operation: str, contents: list[bytes], started_s: float) -> None:
    stream = streams.identity_of(stored)
    size = float(sum(map(len, contents)))
    counts = {"IncomingRecords": float(len(contents)), "IncomingPutRequests": 1.0, f"{operation}.Requests": 1.0}
    if operation == "PutRecordBatch":
        counts["PutRecordBatch.Records"] = float(len(contents))
    monitoring.measure(stream, counts)
    monitoring.measure(stream, {"IncomingBytes": size, f"{operation}.Bytes": size}, "Bytes")
    monitoring.measure(stream, {f"{operation}.Latency": (time.perf_counter() - started_s) * 1000}, "Milliseconds")


def _null(path: str) -> Answer:
    return _violates(f"Value null at '{path}'", "Member must not be null")


def _too_long(path: str) -> Answer:
    return _violates(f"Value at '{path}'", f"Member must have length less than or equal to {MAX_RECORD_BYTES}")


def _violates(what: str, constraint: str) -> Answer:
    return violation([f"{what} failed to satisfy constraint: {constraint}"])


def _serialization() -> Answer:
    return refusal("SerializationException", "Record data is not valid base64.")
