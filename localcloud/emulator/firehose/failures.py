"""The error output: one JSON document for each failed record, one a line.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
https://docs.aws.amazon.com/firehose/latest/dev/record-format-conversion-error-handling.html
"""

import base64
import json
import time
from collections.abc import Mapping, Sequence

from localcloud.emulator.firehose.errors import RecordError
from localcloud.emulator.firehose.records import Failure, Record


def processing_failure(record: Record, error: RecordError, attempts: int, function_arn: str | None = None) -> Failure:
    """A record that could not be transformed, partitioned or delivered. `attempts` counts the attempts made."""
    document: dict[str, object] = {
        "attemptsMade": attempts,
        "arrivalTimestamp": record.arrival_ms,
        "errorCode": error.code,
        "errorMessage": error.message,
        "attemptEndingTimestamp": int(time.time() * 1000),
        "rawData": base64.b64encode(record.data).decode(),
    }
    if function_arn:
        document["lambdaArn"] = function_arn
    return Failure(record, error.output_type, document)


def conversion_failure(record: Record, error: RecordError, table: Mapping[str, str]) -> Failure:
    """A record that could not be converted to the table's format; `table` is its `dataCatalogTable`."""
    document: dict[str, object] = {
        "attemptsMade": 1,
        "arrivalTimestamp": record.arrival_ms,
        "ErrorCode": error.code,
        "ErrorMessage": error.message,
        "attemptEndingTimestamp": int(time.time() * 1000),
        "rawData": base64.b64encode(record.data).decode(),
        "sequenceNumber": record.origin.sequence_number if record.origin else None,
        "subSequenceNumber": None,
        "dataCatalogTable": dict(table),
    }
    return Failure(record, error.output_type, document)


def body(failures: Sequence[Failure]) -> bytes:
    return b"".join(json.dumps(failure.document).encode() + b"\n" for failure in failures)
