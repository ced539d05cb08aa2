"""What every stream function does around its work: the time, poison set aside, the reply to Lambda and the log line."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from handlers.shared.failure_bucket import FailureBucket
from handlers.shared.ordered import OrderedRun, Send
from handlers.shared.places import Place
from handlers.shared.poison import Poison
from handlers.shared.report import log_invocation
from handlers.shared.streams import Failure, Record, Reply, StreamSource
from handlers.shared.time_budget import LambdaContext, TimeBudget

__all__ = ["Invocation"]

# No more than this: so many reasons are enough to see what is wrong with poison records.
LOGGED_REASONS = 5
# How long an invocation waits before it says so; shorter waits are everyday throttling.
TELL_AFTER_S = 5.0


class Invocation:
    """One invocation of a stream function: its records, its time, and its end.

    Times in records are optional, for AWS and so here:
    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html,
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
    """

    def __init__(
        self, event: Mapping[str, Any], context: LambdaContext, source: StreamSource, bucket: FailureBucket
    ) -> None:
        self.records: Sequence[Record] = event["Records"]
        self.budget = TimeBudget(context.get_remaining_time_in_millis)
        self.details: dict[str, object] = {}
        self._context = context
        self._source = source
        self._bucket = bucket
        self._started_s = time.time()
        self._poison: list[str] = []
        self._told_of_waiting = False
        self._runs: list[OrderedRun] = []

    def run(self, send: Send, executor: Executor | None = None, threads: int = 1) -> OrderedRun:
        """A run that waits out outages and sets poison aside; what it did is in the reply."""
        run = OrderedRun(
            send, self.budget, set_aside=self._set_aside, on_wait=self._waits, executor=executor, threads=threads
        )
        self._runs.append(run)
        return run

    def place(self, position: int) -> Place:
        """Where a record is."""
        record = self.records[position]
        # Of a table's stream all but what Lambda adds to its records is optional; their eventID is as unique.
        number = self._sequence_number(position) or record["eventID"]
        return Place(self._context.function_name, record["eventSourceARN"], self._source.shard(record), number)

    def age_s(self, position: int) -> float | None:
        """How long ago a record was put, in seconds; None when it does not say when it was."""
        put_s = self._part(position).get(self._source.time_s)
        return None if put_s is None else max(0.0, self._started_s - put_s)

    def reply(self, failure: Failure | None, skipped: int = 0, superseded: int = 0) -> Reply:
        """Logs what happened and tells Lambda where to resume: at the failure's record, or after the last.

        `skipped` counts the records that the function has no use for, `superseded` the entries that a newer change had
        overtaken.
        https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
        """
        counts = [run.counts for run in self._runs]
        metrics = {
            "Records": (len(self.records), "Count"),
            "Written": (sum(run.applied for run in counts) - superseded, "Count"),
            "Retried": (sum(run.retried for run in counts), "Count"),
            "Skipped": (skipped + superseded, "Count"),
            "Poisoned": (sum(run.poisoned for run in counts), "Count"),
            "Waiting": (0 if failure is None else len(self.records) - failure.position, "Count"),
            "Time": (round((time.time() - self._started_s) * 1000), "Milliseconds"),
        }
        age_s = self.age_s(-1) if self.records else None
        if age_s is not None:
            metrics["IteratorAge"] = (round(age_s * 1000), "Milliseconds")
        level = "ERROR" if failure or self._poison else "INFO"
        details: dict[str, object] = {"level": level, "calls": sum(run.calls for run in counts), **self.details}
        if self._poison:
            details["poison"] = self._poison
        failures: list[dict[str, str]] = []
        if failure is not None:
            # Without a number the whole batch comes again: Lambda takes an empty one for a failure of all of it.
            failures = [{"itemIdentifier": self._sequence_number(failure.position)}]
            details |= {"firstFailure": failures[0]["itemIdentifier"], "reason": failure.reason}
        log_invocation(self._context, metrics, details)
        return {"batchItemFailures": failures}

    def _set_aside(self, poison: Poison) -> None:
        record, place = self.records[poison.position], self.place(poison.position)
        self._bucket.keep(poison, place, record if poison.part is None else self._source.alone(record, poison.part))
        if len(self._poison) < LOGGED_REASONS:
            self._poison.append(f"{place.sequence_number}: {poison.reason}")

    def _waits(self, failure: Failure) -> None:
        """Says once, long before the invocation ends, that it waits and for what."""
        if self._told_of_waiting or time.time() - self._started_s < TELL_AFTER_S:
            return
        self._told_of_waiting = True
        metrics = {"Waiting": (len(self.records) - failure.position, "Count")}
        number = self._sequence_number(failure.position)
        log_invocation(self._context, metrics, {"level": "WARNING", "waitsAt": number, "reason": failure.reason})

    def _sequence_number(self, position: int) -> str:
        number: str = self._part(position).get(self._source.sequence_number, "")
        return number

    def _part(self, position: int) -> Mapping[str, Any]:
        part: Mapping[str, Any] = self.records[position].get(self._source.part, {})
        return part
