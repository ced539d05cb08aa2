"""A function on streams as operations use it: given records, it says which it has not applied, and why."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handlers.shared.places import POISON_PREFIX, Place
from operations.instruments.failures import Record, number_of, shard_of

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

# 6 MB for a synchronous invocation, the brackets around the records included.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_PAYLOAD_BYTES = 5_500_000
NO_REASON = "the function gave no reason; its log group may"


@dataclass(frozen=True)
class StreamFunction:
    """A deployed function, the mappings that feed it, and the bucket that has what it could not apply."""

    name: str
    mapping_ids: tuple[str, ...]
    failure_bucket: str
    lambda_: "LambdaClient"
    s3: "S3Client"


@dataclass(frozen=True)
class Applied:
    """What became of records: `reason` is None when none of them was left.

    `outage` says that the far end is away, so that it is no use to go on. `poisoned` are the objects in which the
    function stored records as poison, as new objects or anew, with its reasons.
    """

    reason: str | None
    outage: bool
    poisoned: dict[str, str]


def apply(function: StreamFunction, source_arn: str, records: Sequence[Record]) -> Applied:
    """Invoke the function until all records are applied or it gets no further.

    A function that stores a record as poison replies that it is done with it. What says that it did so is an object
    with the record's name that was not there before, or is another one than before.
    """
    before = _poison(function, source_arn, records)
    reason, outage = _applied(function, list(records))
    after = _poison(function, source_arn, records)
    anew = [key for key, tag in after.items() if before.get(key) != tag]
    return Applied(reason, outage, {key: _stored_reason(function, key) for key in anew})


def poison_key(function: str, source_arn: str, record: Record) -> str:
    """The name of the object in which a function stores a record, but for its end."""
    number, part = number_of(record)
    return Place(function, source_arn, shard_of(record), number).key(POISON_PREFIX, part).removesuffix(".json")


def belongs(object_key: str, record_key: str) -> bool:
    """Whether an object is of a record, or of one that was in it: `record_key` is as `poison_key` makes it."""
    return object_key.startswith(f"{record_key}.")


def _poison(function: StreamFunction, source_arn: str, records: Sequence[Record]) -> dict[str, str]:
    """The objects of these records, and what tells one from another that is stored under the same name."""
    names = [poison_key(function.name, source_arn, record) for record in records]
    pages = function.s3.get_paginator("list_objects_v2").paginate(
        Bucket=function.failure_bucket, Prefix=_common_beginning(names)
    )
    numbers = set(names)
    return {
        entry["Key"]: entry["ETag"]
        for page in pages
        for entry in page.get("Contents", [])
        # …/<sequence number>.json, or …/<sequence number>.<place in the aggregate>.json
        if numbers & {entry["Key"].rsplit(".", 1)[0], entry["Key"].rsplit(".", 2)[0]}
    }


def _common_beginning(names: Sequence[str]) -> str:
    """What all the names begin with."""
    first, last = min(names), max(names)
    return first[: next((place for place, letter in enumerate(first) if not last.startswith(first[: place + 1])), None)]


def _stored_reason(function: StreamFunction, key: str) -> str:
    try:
        stored = json.loads(function.s3.get_object(Bucket=function.failure_bucket, Key=key)["Body"].read())
        return str(stored["reason"])
    except (ValueError, KeyError, TypeError):
        return NO_REASON


def _applied(function: StreamFunction, records: list[Record]) -> tuple[str | None, bool]:
    while records:
        sent = _as_many_as_fit(records)
        failed_at, reason, outage = _invoke(function, sent)
        if failed_at == 0:
            return reason, outage
        # The records before the failure are applied: an invocation may run out of time.
        records = records[len(sent) if failed_at is None else failed_at :]
    return None, False


def _as_many_as_fit(records: list[Record]) -> list[Record]:
    """The first records that an invocation takes: items may have grown since the batch failed."""
    sent: list[Record] = []
    size = 0
    for record in records:
        size += len(json.dumps(record))
        if sent and size > MAX_PAYLOAD_BYTES:
            break
        sent.append(record)
    return sent


def _invoke(function: StreamFunction, records: Sequence[Record]) -> tuple[int | None, str, bool]:
    """The index of the first record that is not applied, None when all are; why, and whether the far end is away."""
    payload = json.dumps({"Records": records}).encode()
    answer = function.lambda_.invoke(FunctionName=function.name, LogType="Tail", Payload=payload)
    reply = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        told = reply.get("errorMessage", reply) if isinstance(reply, dict) else reply
        return 0, f"the function failed: {told}", False
    failures = reply.get("batchItemFailures") if isinstance(reply, dict) else None
    if not failures:
        return None, "", False
    # The function's one line that gives a reason.
    line = next((line for line in logged_lines(answer) if "reason" in line), {})
    places = {number_of(record)[0]: place for place, record in reversed(list(enumerate(records)))}
    # What names no record means all of them, as it does to Lambda.
    # https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    failed_at = min((places.get(one.get("itemIdentifier"), 0) for one in failures), default=0)
    return failed_at, str(line.get("reason", NO_REASON)), bool(line.get("Waiting"))


def logged_lines(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines of JSON that a function logged last, the newest first; `answer` is that of Invoke with LogType Tail."""
    return _json_lines(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"))


def _json_lines(log: str) -> Iterator[dict[str, Any]]:
    for line in reversed(log.splitlines()):
        start = line.find("{")
        try:
            logged = json.loads(line[start:]) if start >= 0 else None
        except ValueError:
            continue
        if isinstance(logged, dict):
            yield logged
