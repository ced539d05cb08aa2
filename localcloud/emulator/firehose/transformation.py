"""Batched transformation by a Lambda function.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html
https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
"""

import base64
import binascii
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from localcloud.emulator.access.authorization import AccessDenied, Session, require
from localcloud.emulator.firehose.destinations import Transform
from localcloud.emulator.firehose.errors import DeliveryError, RecordError, TransformError
from localcloud.emulator.firehose.identity import Identity
from localcloud.emulator.firehose.records import Record
from localcloud.emulator.invocation import MAX_PAYLOAD_BYTES, FunctionNotFoundError, ThrottledError, execute

# Long enough for a throttled function to recover, short enough for a test bed; AWS does not document its pauses.
FIRST_PAUSE_S = 0.1

# https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html (Lambda invocation errors)
_MESSAGES = {
    "Lambda.InvokeAccessDenied": "Access was denied. Ensure that the access policy allows access to the Lambda "
    "function.",
    "Lambda.ResourceNotFound": "The specified Lambda function does not exist. Use a different function that does "
    "exist.",
    "Lambda.InvokeLimitExceeded": "The Lambda concurrent execution limit is exceeded. Increase the concurrent "
    "execution limit.",
    "Lambda.FunctionError": "The Lambda function was successfully invoked but it returned an error result.",
    "Lambda.JsonProcessingException": "There was an error parsing returned records from the Lambda function. Ensure "
    "that the returned records follow the status model required by Amazon Data Firehose.",
    "Lambda.MissingRecordId": "One or more record IDs were not returned. Ensure that the Lambda function returns all "
    "received record IDs.",
    "Lambda.DuplicatedRecordId": "Multiple records were returned with the same record ID. Ensure that the Lambda "
    "function returns unique record IDs for each record.",
    "Lambda.ProcessingFailedStatus": "ProcessingFailed status set for record",
}


def _transform_error(code: str) -> TransformError:
    return TransformError(code, _MESSAGES[code])


def _record_error(code: str) -> RecordError:
    return RecordError(code, _MESSAGES[code])


@dataclass
class Outcome:
    """What became of a batch. `dropped` counts records; `failed` has each failed record with its reason."""

    transformed: list[Record] = field(default_factory=list)
    failed: list[tuple[Record, RecordError]] = field(default_factory=list)
    dropped: int = 0


def event(stream: Identity, records: Sequence[Record], source_arn: str | None) -> dict[str, Any]:
    """The event that the function gets; records of a Kinesis source carry where they come from."""
    entries = []
    for record in records:
        entry: dict[str, Any] = {
            "recordId": record.record_id,
            "approximateArrivalTimestamp": record.arrival_ms,
            "data": base64.b64encode(record.data).decode(),
        }
        if record.origin is not None:
            entry["kinesisRecordMetadata"] = {
                "sequenceNumber": record.origin.sequence_number,
                "subsequenceNumber": 0,
                "partitionKey": record.origin.partition_key,
                "shardId": record.origin.shard_id,
                "approximateArrivalTimestamp": record.origin.arrival_ms,
            }
        entries.append(entry)
    body: dict[str, Any] = {"invocationId": str(uuid.uuid4()), "deliveryStreamArn": stream.arn, "region": stream.region}
    if source_arn:
        body["sourceKinesisStreamArn"] = source_arn
    return {**body, "records": entries}


def interpret(records: Sequence[Record], answer: Any) -> Outcome:
    """Sort a batch by the function's answer.

    Raises TransformError when the answer as a whole cannot be used; a single bad entry fails its record only.
    """
    try:
        entries = [entry for entry in answer["records"] if isinstance(entry, Mapping)]
    except (KeyError, TypeError) as error:
        raise _transform_error("Lambda.JsonProcessingException") from error
    times = Counter(entry.get("recordId") for entry in entries)
    answers = {entry.get("recordId"): entry for entry in entries}
    outcome = Outcome()
    for record in records:
        try:
            transformed = _transformed(record, answers.get(record.record_id), times[record.record_id])
        except RecordError as error:
            outcome.failed.append((record, error))
            continue
        if transformed is None:
            outcome.dropped += 1
        else:
            outcome.transformed.append(transformed)
    return outcome


def _transformed(record: Record, entry: Mapping[str, Any] | None, times: int) -> Record | None:
    """The record as the function returned it, None when it dropped it. Raises RecordError for what cannot be used."""
    if entry is None:
        raise _record_error("Lambda.MissingRecordId")
    if times > 1:
        raise _record_error("Lambda.DuplicatedRecordId")
    result = entry.get("result")
    if result == "Dropped":
        return None
    if result == "ProcessingFailed":
        raise _record_error("Lambda.ProcessingFailedStatus")
    try:
        if result != "Ok":
            raise ValueError(f"result is {result!r}")
        data = base64.b64decode(entry["data"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise _record_error("Lambda.JsonProcessingException") from error
    metadata = entry.get("metadata") or {}
    keys = {str(key): str(value) for key, value in (metadata.get("partitionKeys") or {}).items()}
    return replace(record, data=data, partition_keys=keys)


def invoke(session: Session, transform: Transform, request: dict[str, Any], region: str) -> Any:
    """Invoke the function as the delivery role and return its response.

    Raises TransformError, with the codes of Firehose's error log, when it is refused, missing, throttled or failing.
    """
    try:
        require(session, "lambda:InvokeFunction", transform.function_arn, region=region)
        invocation = execute(transform.function_arn, request)
    except AccessDenied as denied:
        raise TransformError(
            "Lambda.InvokeAccessDenied", f"{_MESSAGES['Lambda.InvokeAccessDenied']} {denied}"
        ) from denied
    except FunctionNotFoundError as error:
        raise _transform_error("Lambda.ResourceNotFound") from error
    except ThrottledError as error:
        raise _transform_error("Lambda.InvokeLimitExceeded") from error
    if invocation.function_error:
        raise _transform_error("Lambda.FunctionError")
    if len(invocation.payload) > MAX_PAYLOAD_BYTES:
        # The answer of a synchronous invocation has the limit of its request:
        # https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html (Important)
        raise TransformError(
            "Lambda.FunctionError", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
        )
    return invocation.result


@dataclass(frozen=True)
class Attempted:
    """The outcome of a batch after `attempts` invocations; `error` is why the last one failed, None when it did not."""

    outcome: Outcome
    attempts: int
    error: DeliveryError | None
    duration_s: float


def run(
    stream: Identity, role_arn: str, transform: Transform, records: Sequence[Record], source_arn: str | None
) -> Attempted:
    """Transform a batch, trying again as often as configured; a batch that fails for good fails with all its records.

    The permissions of the role count at each attempt.
    """
    request = event(stream, records, source_arn)
    error: DeliveryError | None = None
    started = time.perf_counter()
    for attempt in range(1, transform.retries + 2):
        try:
            session = stream.session(role_arn, "Lambda.AssumeRoleAccessDenied")
            outcome = interpret(records, invoke(session, transform, request, stream.region))
            return Attempted(outcome, attempt, None, time.perf_counter() - started)
        except DeliveryError as failed:
            error = failed
        if attempt <= transform.retries:
            time.sleep(min(FIRST_PAUSE_S * 2 ** (attempt - 1), 2.0))
    assert error is not None
    failure = RecordError(error.code, error.message)
    outcome = Outcome(failed=[(record, failure) for record in records])
    return Attempted(outcome, transform.retries + 1, error, time.perf_counter() - started)
