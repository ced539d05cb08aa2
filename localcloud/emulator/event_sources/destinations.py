"""Sends what a mapping gave up to its on-failure destination: SQS and SNS get the metadata, S3 the whole payload as
well.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html and …/services-dynamodb-errors.html
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.responses import new_uuid, request_scope

from localcloud.emulator import eventloop, faults
from localcloud.emulator.access.authorization import Session, require
from localcloud.emulator.event_sources.records import StreamRecord
from localcloud.emulator.storage import put_object

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"


class DestinationError(Exception):
    """The destination did not take the record; the message says why."""


@dataclass(frozen=True)
class GivenUp:
    """Records that a mapping discards. `function_error` is that of the last invocation, None when there was none."""

    records: Sequence[StreamRecord]
    condition: str
    invocations: int
    function_arn: str
    executed_version: str | None
    function_error: str | None
    shard_id: str
    stream_arn: str
    batch_info: str


def document_of(given_up: GivenUp, now: datetime) -> dict[str, Any]:
    """The invocation record, without the payload."""
    first, last = given_up.records[0], given_up.records[-1]
    document: dict[str, Any] = {
        "requestContext": {
            "requestId": new_uuid(),
            "functionArn": given_up.function_arn,
            "condition": given_up.condition,
            "approximateInvokeCount": max(1, given_up.invocations),  # 1 also for what was never sent
        }
    }
    if given_up.executed_version is not None and given_up.condition != TOO_OLD:
        document["responseContext"] = {
            "statusCode": 200,
            "executedVersion": given_up.executed_version,
            "functionError": given_up.function_error,
        }
    document["version"] = "1.0"
    document["timestamp"] = _iso(now)
    document[given_up.batch_info] = {
        "shardId": given_up.shard_id,
        "startSequenceNumber": first.sequence_number,
        "endSequenceNumber": last.sequence_number,
        "approximateArrivalOfFirstRecord": _iso(datetime.fromtimestamp(first.arrival_s, UTC)),
        "approximateArrivalOfLastRecord": _iso(datetime.fromtimestamp(last.arrival_s, UTC)),
        "batchSize": len(given_up.records),
        "streamArn": given_up.stream_arn,
    }
    return document


def object_key(mapping_id: str, shard_id: str, now: datetime) -> str:
    """`aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<UUID>`"""
    return f"aws/lambda/{mapping_id}/{shard_id}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{new_uuid()}"


def send(session: Session, destination_arn: str, mapping_id: str, given_up: GivenUp) -> None:
    """Send the record as the execution role. Raises AccessDenied, DestinationError, and what storing in S3 raises."""
    service = parse_arn(destination_arn).service
    _SENDERS[service](session, destination_arn, mapping_id, given_up)


def _to_queue(session: Session, arn: str, mapping_id: str, given_up: GivenUp) -> None:
    from ministack.services import sqs

    require(session, "sqs:SendMessage", arn)
    faults.check(session.account_id, "sqs", "SendMessage", arn)
    body = json.dumps(document_of(given_up, datetime.now(UTC)))

    async def put() -> None:
        queue = sqs._queue_by_arn(arn)
        if queue is None:
            raise DestinationError(f"Queue {arn} does not exist.")
        with request_scope(*_scope(arn)):
            sqs._act_send_message({"MessageBody": body}, sqs._queue_url(arn.rsplit(":", 1)[-1]))

    eventloop.call(put, *_scope(arn))


def _to_topic(session: Session, arn: str, mapping_id: str, given_up: GivenUp) -> None:
    from ministack.services import sns

    require(session, "sns:Publish", arn)
    faults.check(session.account_id, "sns", "Publish", arn)
    body = json.dumps(document_of(given_up, datetime.now(UTC)))

    async def put() -> None:
        if sns.publish_internal(arn, body) is None:
            raise DestinationError(f"Topic {arn} does not exist.")

    eventloop.call(put, *_scope(arn))


def _to_bucket(session: Session, arn: str, mapping_id: str, given_up: GivenUp) -> None:
    now = datetime.now(UTC)
    payload = json.dumps({"Records": [record.event for record in given_up.records]}, separators=(",", ":"))
    body = json.dumps(document_of(given_up, now) | {"payload": payload}).encode()
    bucket, region = arn.split(":::", 1)[-1], given_up.function_arn.split(":")[3]
    faults.check(session.account_id, "s3", "PutObject", arn)
    put_object(session, bucket, object_key(mapping_id, given_up.shard_id, now), body, key_arn=None, region=region)


def _scope(arn: str) -> tuple[str, str]:
    spec = parse_arn(arn)
    return spec.account_id, spec.region


def _iso(moment: datetime) -> str:
    """A time in milliseconds, or in seconds when it is a whole one, as the arrivals of a table's stream are."""
    milliseconds = moment.microsecond // 1000
    return f"{moment:%Y-%m-%dT%H:%M:%S}" + (f".{milliseconds:03d}Z" if milliseconds else "Z")


_SENDERS: dict[str, Callable[[Session, str, str, GivenUp], None]] = {
    "sqs": _to_queue,
    "sns": _to_topic,
    "s3": _to_bucket,
}
