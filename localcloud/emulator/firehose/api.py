"""The Firehose API where the emulator's is not AWS's: limits, roles, puts and descriptions.

https://docs.aws.amazon.com/firehose/latest/APIReference/Welcome.html
"""

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, json_response

from localcloud.emulator.authorization import AccessDenied, assume
from localcloud.emulator.firehose import monitoring, rules, shapes, sources, streams
from localcloud.emulator.firehose.identity import SERVICE
from localcloud.emulator.firehose.records import Record, new_record_id
from localcloud.emulator.patching import replaces

MODULE = "ministack.services.firehose"

# https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
MAX_RECORD_BYTES = 1000 * 1024
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024

Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], Answer]

_S3_CONFIGURATIONS = ("ExtendedS3DestinationConfiguration", "S3DestinationConfiguration")
_S3_UPDATES = ("ExtendedS3DestinationUpdate", "S3DestinationUpdate")


def _invalid(message: str) -> Answer:
    answer: Answer = error_response_json("InvalidArgumentException", message, 400)
    return answer


def _violates(operation: str, data: dict[str, Any]) -> Answer | None:
    found = shapes.violations(operation, data)
    answer: Answer = error_response_json("ValidationException", shapes.message(found), 400)
    return answer if found else None


def _refused(role_arn: str, source_arn: str) -> Answer | None:
    """A role that does not exist or does not trust Firehose refuses the stream.

    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html (Allow Firehose to assume an IAM role)
    """
    try:
        assume(role_arn, SERVICE, "firehose", source_arn=source_arn)
    except AccessDenied:
        return _invalid(f"Firehose is unable to assume role {role_arn}. Please check the role provided.")
    return None


def _source_problem(data: dict[str, Any]) -> Answer | None:
    """https://docs.aws.amazon.com/firehose/latest/APIReference/API_CreateDeliveryStream.html"""
    source = data.get("KinesisStreamSourceConfiguration")
    from_kinesis = data.get("DeliveryStreamType") == "KinesisStreamAsSource"
    if from_kinesis and not source:
        return _invalid(
            "KinesisStreamSourceConfiguration must be specified for a KinesisStreamAsSource delivery stream."
        )
    if source and not from_kinesis:
        return _invalid("KinesisStreamSourceConfiguration is only for a KinesisStreamAsSource delivery stream.")
    return None


def create(original: Operation, data: dict[str, Any]) -> Answer:
    from ministack.services import firehose

    if refused := _violates("CreateDeliveryStream", data) or _source_problem(data):
        return refused
    given = [key for key in data if key.endswith("DestinationConfiguration")]
    if len(given) != 1:
        return _invalid("Exactly one destination configuration is supported for a Firehose stream.")
    arn = firehose._stream_arn(data["DeliveryStreamName"])
    if given[0] in _S3_CONFIGURATIONS:
        config = data[given[0]]
        if message := rules.broken(config):
            return _invalid(message)
        for role_arn in _roles(data, config):
            if refused := _refused(role_arn, arn):
                return refused
    answer = original(data)
    stored = firehose._streams.get(data["DeliveryStreamName"])
    if answer[0] == 200 and stored is not None:
        sources.start(stored)
    return answer


def _roles(data: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """The roles that Firehose assumes for a stream."""
    holders = (config, config.get("S3BackupConfiguration") or {}, data.get("KinesisStreamSourceConfiguration") or {})
    return [holder["RoleARN"] for holder in holders if holder.get("RoleARN")]


def update(original: Operation, data: dict[str, Any]) -> Answer:
    from ministack.services import firehose

    if refused := _violates("UpdateDestination", data):
        return refused
    stored = firehose._streams.get(data["DeliveryStreamName"])
    key = next((key for key in _S3_UPDATES if key in data), None)
    destination = streams.s3_destination(stored) if stored else None
    if key and destination is not None:
        change = dict(data[key])
        if "S3BackupUpdate" in change:
            before = destination["config"].get("S3BackupConfiguration") or {}
            change["S3BackupConfiguration"] = {**before, **change.pop("S3BackupUpdate")}
        merged = {**destination["config"], **change}
        if message := rules.broken_by_update(destination["config"], merged):
            return _invalid(message)
        for role_arn in _roles({}, merged):
            if refused := _refused(role_arn, stored["arn"]):
                return refused
        # Both kinds of S3 destination are one: an update of either merges into what is there.
        data = {name: value for name, value in data.items() if name != key}
        data[f"{destination['type']}DestinationUpdate"] = change
    return original(data)


def delete(original: Operation, data: dict[str, Any]) -> Answer:
    from ministack.services import firehose

    stored = firehose._streams.get(data.get("DeliveryStreamName", ""))
    answer = original(data)
    if answer[0] == 200 and stored is not None:
        sources.stop(stored["arn"])
        streams.forget(stored["arn"])
    return answer


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
        slow: Answer = error_response_json("ServiceUnavailableException", "Slow down.", 503)
        return slow
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
        return _validation(f"Value at 'records' failed to satisfy constraint: Member must have length {limit}")
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
        return _invalid("Records size exceeds 4 MB limit")
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
        return None, _invalid(f"This operation is not permitted on {stored['type']} delivery stream type.")
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


def _validation(sentence: str) -> Answer:
    answer: Answer = error_response_json("ValidationException", shapes.message([sentence]), 400)
    return answer


def _null(path: str) -> Answer:
    return _validation(f"Value null at '{path}' failed to satisfy constraint: Member must not be null")


def _too_long(path: str) -> Answer:
    return _validation(
        f"Value at '{path}' failed to satisfy constraint: "
        f"Member must have length less than or equal to {MAX_RECORD_BYTES}"
    )


def _serialization() -> Answer:
    answer: Answer = error_response_json("SerializationException", "Record data is not valid base64.", 400)
    return answer


def describe_destination(
    original: Callable[[dict[str, Any]], dict[str, Any]], destination: dict[str, Any]
) -> dict[str, Any]:
    """The destination with every setting that it was given.

    https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationDescription.html
    """
    described = original(destination)
    if destination["type"] not in streams.S3_TYPES:
        return described
    config = destination["config"]
    key = "ExtendedS3DestinationDescription"
    extended = described.setdefault(key, described.pop("S3DestinationDescription", {}))
    for name in ("Prefix", "ErrorOutputPrefix"):
        if not config.get(name):
            extended.pop(name, None)
    for name in ("FileExtension", "CustomTimeZone"):
        if config.get(name):
            extended[name] = config[name]
    if config.get("S3BackupConfiguration"):
        extended["S3BackupDescription"] = _s3_description(config["S3BackupConfiguration"])
    # AWS describes the plain S3 destination beside the extended one.
    described["S3DestinationDescription"] = _s3_description(config)
    return described


def _s3_description(config: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/firehose/latest/APIReference/API_S3DestinationDescription.html"""
    defaults = {
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        "CloudWatchLoggingOptions": {"Enabled": False},
    }
    names = ("RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix")
    given = {name: config[name] for name in (*names, *defaults) if config.get(name)}
    return {**defaults, **given}


def install() -> None:
    """Put the operations in place, in the module and in its table of operations."""
    from ministack.services import firehose

    for operation, name, source, replacement in (
        ("CreateDeliveryStream", "_create_delivery_stream", "4d5903ac6582", create),
        ("UpdateDestination", "_update_destination", "cbefb28cca81", update),
        ("DeleteDeliveryStream", "_delete_delivery_stream", "ee690834a6f5", delete),
        ("PutRecord", "_put_record", "6a7ed0471aef", put_record),
        ("PutRecordBatch", "_put_record_batch", "5e868d2aec51", put_record_batch),
    ):
        replaces(MODULE, name, source=source)(replacement)
        firehose._HANDLERS[operation] = getattr(firehose, name)
    replaces(MODULE, "_dest_description", source="64df867dbdbd")(describe_destination)

    @replaces(MODULE, "ingest_from_kinesis_source", source="7dceac1c06ae")
    def ingest(original: Callable[..., None], stream_arn: str, records: list[Any]) -> None:
        """Nothing: a delivery stream reads its source stream itself, as the role of its source configuration."""
