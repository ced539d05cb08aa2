"""Applies failed batches again, in order, through the function that could not apply them.

Lambda stores a batch that it gave up as an object of the on-failure bucket, with the whole event in it. What succeeds
now is moved under `redriven/`; what fails again stays where it is, with the function's reason.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html

A guarded replica takes the batches as they are: an older change never overwrites a newer one. For one that is not
guarded each change is brought up to date first: the mapping is held, and the batch's keys get the item that the source
has now, or its removal. What is written to the source after that waits in the stream and comes when the hold ends.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from operations.errors import OperationError
from operations.instruments.holding import held
from operations.instruments.items import key_of
from operations.instruments.raw import Item
from operations.instruments.tables import Table
from operations.table_replica.deployed import Replica

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

# 6 MB for a synchronous invocation, the brackets around the records included.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_PAYLOAD_BYTES = 5_500_000
FAILED_PREFIX = "aws/lambda/"
ARCHIVE_PREFIX = "redriven/"

Record = Mapping[str, Any]
Event = Mapping[str, list[Record]]


@dataclass(frozen=True)
class FailedBatch:
    """An object of the on-failure bucket: where it is, the stream and place it is of, and how Lambda says it failed."""

    object_key: str
    stream_arn: str
    first_sequence_number: str
    condition: str
    event: Event

    @property
    def place(self) -> tuple[str, int]:
        """The order in which batches are applied: sequence numbers grow from a shard to the ones that follow it."""
        return self.stream_arn, int(self.first_sequence_number)


@dataclass(frozen=True)
class Outcome:
    """What became of a batch: `reason` is None when it is applied."""

    batch: FailedBatch
    records: int
    reason: str | None


def failed_batches(s3: "S3Client", bucket: str) -> list[FailedBatch]:
    """The batches that were given up, in the order of their records; also those of a mapping since replaced."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=FAILED_PREFIX)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return sorted((_read(s3, bucket, key) for key in keys), key=lambda batch: batch.place)


def redrive(replica: Replica, batches: Iterable[FailedBatch], on_outcome: Callable[[Outcome], None]) -> list[Outcome]:
    """Apply the batches in order. After one that fails, those that share a key with it wait as well."""
    outcomes: list[Outcome] = []
    # Keys that a failed batch left behind: a later batch must not overtake them.
    stuck: set[str] = set()
    guarded = replica.positions_table is not None
    with nullcontext() if guarded else held(replica.lambda_, replica.mapping_id):
        for batch in batches:
            keys = {_key_of(record) for record in batch.event["Records"]}
            if keys & stuck:
                reason: str | None = "it changes items of an earlier batch that failed again; redrive that one first"
            else:
                event = batch.event if guarded else refreshed(batch.event, replica.source)
                reason = _apply(replica, event)
            if reason is None:
                _archive(replica.s3, replica.failure_bucket, batch.object_key)
            else:
                stuck |= keys
            outcomes.append(Outcome(batch, len(batch.event["Records"]), reason))
            on_outcome(outcomes[-1])
    return outcomes


def refreshed(event: Event, source: Table) -> Event:
    """The event with the items that the source has now: the last record of each key, as a change or as a removal."""
    records = {_key_of(record): record for record in event["Records"]}
    keys = {text: record["dynamodb"]["Keys"] for text, record in records.items()}
    names = source.keys
    now = source.get(key_of(key, names) for key in keys.values())
    return {"Records": [_updated(record, now.get(key_of(keys[text], names))) for text, record in records.items()]}


def _updated(record: Record, item: Item | None) -> Record:
    stream = {name: value for name, value in record["dynamodb"].items() if name not in ("NewImage", "OldImage")}
    if item is None:
        return {**record, "eventName": "REMOVE", "dynamodb": stream}
    return {**record, "eventName": "MODIFY", "dynamodb": {**stream, "NewImage": item}}


def _read(s3: "S3Client", bucket: str, key: str) -> FailedBatch:
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        stored = json.loads(body)
        info = stored["DDBStreamBatchInfo"]
        return FailedBatch(
            object_key=key,
            stream_arn=info["streamArn"],
            first_sequence_number=info["startSequenceNumber"],
            condition=stored["requestContext"]["condition"],
            event=json.loads(stored["payload"]),
        )
    except (ValueError, KeyError) as error:
        raise OperationError(
            f"s3://{bucket}/{key} is no failed batch of a table's stream as Lambda stores it ({error!r}). Look at it "
            f"by `aws s3 cp s3://{bucket}/{key} -`, and move it away from `{FAILED_PREFIX}`."
        ) from None


def _apply(replica: Replica, event: Event) -> str | None:
    """Invoke the function until the whole event is applied or it gets no further; then the reason."""
    records = list(event["Records"])
    while records:
        sent = _as_many_as_fit(records)
        failed_at, reason = _invoke(replica.lambda_, replica.function, sent)
        if failed_at == 0:
            return reason
        # The records before the failure are applied: an invocation may run out of time.
        records = records[len(sent) if failed_at is None else failed_at :]
    return None


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


def _invoke(lambda_: "LambdaClient", function: str, records: list[Record]) -> tuple[int | None, str]:
    """The index of the first record that is not applied, None when all are; and why."""
    answer = lambda_.invoke(FunctionName=function, LogType="Tail", Payload=json.dumps({"Records": records}).encode())
    reply = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        return 0, f"the function failed: {reply.get('errorMessage', reply)}"
    failures = (reply or {}).get("batchItemFailures", [])
    if not failures:
        return None, ""
    places = {record["dynamodb"]["SequenceNumber"]: place for place, record in enumerate(records)}
    log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
    return places[failures[0]["itemIdentifier"]], _reason(log)


def _reason(log: str) -> str:
    """What the function's one line of JSON gives as the reason."""
    return next(_reasons(log), "the function gave no reason; its log group may")


def _reasons(log: str) -> Iterator[str]:
    for line in reversed(log.splitlines()):
        start = line.find("{")
        try:
            logged = json.loads(line[start:]) if start >= 0 else {}
        except ValueError:
            continue
        if "reason" in logged:
            yield str(logged["reason"])


def _archive(s3: "S3Client", bucket: str, key: str) -> None:
    s3.copy_object(
        Bucket=bucket,
        Key=f"{ARCHIVE_PREFIX}{key.removeprefix(FAILED_PREFIX)}",
        CopySource={"Bucket": bucket, "Key": key},
    )
    s3.delete_object(Bucket=bucket, Key=key)


def _key_of(record: Record) -> str:
    return key_of(record["dynamodb"]["Keys"], sorted(record["dynamodb"]["Keys"]))
