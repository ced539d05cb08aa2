"""What every stream function does around its work: the time budget, the reply to Lambda and the log line."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from handlers.shared.ordered import Counts, Failure
from handlers.shared.report import log_invocation
from handlers.shared.time_budget import LambdaContext, TimeBudget

__all__ = ["DYNAMODB_STREAM", "KINESIS_STREAM", "Invocation", "Reply", "StreamSource"]

Reply = dict[str, list[dict[str, str]]]


class StreamSource(NamedTuple):
    """Where a kind of stream keeps what Lambda's checkpoint and the metrics need: a part of the record, and in it the
    sequence number and the time in seconds since 1970."""

    part: str
    sequence_number: str
    time_s: str


# https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html, .../with-ddb.html (example events)
KINESIS_STREAM = StreamSource("kinesis", "sequenceNumber", "approximateArrivalTimestamp")
DYNAMODB_STREAM = StreamSource("dynamodb", "SequenceNumber", "ApproximateCreationDateTime")


class Invocation:
    """One invocation of a stream function: its records, its time, and its end."""

    def __init__(self, event: Mapping[str, Any], context: LambdaContext, source: StreamSource) -> None:
        self.records: Sequence[Mapping[str, Any]] = event["Records"]
        self.budget = TimeBudget(context.get_remaining_time_in_millis)
        self._context = context
        self._source = source
        self._started_s = time.time()
        self._age_s = max(0.0, self._started_s - self._part(-1)[source.time_s]) if self.records else 0.0

    def reply(self, failure: Failure | None, counts: Counts, skipped: int = 0) -> Reply:
        """Logs what happened and tells Lambda where to resume: at the failure's record, or after the last.

        `skipped` counts the records that the function has no use for.
        https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
        """
        metrics = {
            "Records": (len(self.records), "Count"),
            "Written": (counts.applied, "Count"),
            "Retried": (counts.retried, "Count"),
            "Skipped": (skipped, "Count"),
            "Failed": (0 if failure is None else 1, "Count"),
            "IteratorAge": (round(self._age_s * 1000), "Milliseconds"),
            "Time": (round((time.time() - self._started_s) * 1000), "Milliseconds"),
        }
        details: dict[str, object] = {"level": "INFO", "calls": counts.calls}
        if failure is None:
            log_invocation(self._context, metrics, details)
            return {"batchItemFailures": []}
        sequence_number = self._part(failure.position)[self._source.sequence_number]
        details |= {"level": "ERROR", "firstFailure": sequence_number, "reason": failure.reason}
        log_invocation(self._context, metrics, details)
        return {"batchItemFailures": [{"itemIdentifier": sequence_number}]}

    def _part(self, position: int) -> Mapping[str, Any]:
        part: Mapping[str, Any] = self.records[position][self._source.part]
        return part
