"""The entry point of the function on the source.

The way of the data: records -> messages of each target -> the target, or its backlog -> the first record that is not
done with for every target.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from handlers.fan_out.assembly import Assembly
from handlers.fan_out.inputs import Inputs
from handlers.fan_out.mapping import CACHED_S, Targets
from handlers.fan_out.reporting import COUNT, counted, log_target
from handlers.fan_out.routes import longest_answer_s
from handlers.fan_out.rows import stream_arn
from handlers.fan_out.serving import Batch, Served, patiently, serve_all
from handlers.fan_out.settings import Settings
from handlers.shared.errors import cause_of, describe
from handlers.shared.report import log_invocation
from handlers.shared.streams import DYNAMODB_STREAM, KINESIS_STREAM, Failure, Reply
from handlers.shared.time_budget import LambdaContext, TimeBudget

SETTINGS = Settings.from_environment(os.environ)
# No more than this: so many are enough to see what is wrong with rows.
LOGGED_ROWS = 5


def handler(event: Mapping[str, Any], context: LambdaContext) -> Reply:
    """Hands the records of one batch to their targets; replies with the first that is not done with, if any.

    `onlyTarget` in the event names the only target to serve: `redrive` and `fanout test` say it.
    """
    records: Sequence[Mapping[str, Any]] = event["Records"]
    if not records:
        return {"batchItemFailures": []}
    invocation = _Invocation(records, context)
    source = stream_arn(records[0]["eventSourceARN"])
    try:
        # Whoever asks for one target has just made it, or changed it.
        longest_s = 0.0 if "onlyTarget" in event else CACHED_S
        targets = patiently(lambda: _assembly().mapping.targets(source, longest_s), invocation.budget)
        wanted = [one for one in targets.rows if one.row.active and one.row.id == event.get("onlyTarget", one.row.id)]
        routes = _assembly().routes(wanted)
        if "onlyTarget" in event:
            # Nobody else has to wait for it.
            routes = [route._replace(direct=True) for route in routes]
        batch = Batch(source, Inputs(records), invocation.number)
        served = serve_all(batch, routes, _assembly().platform, invocation.budget) if routes else []
    except Exception as error:
        cause_of(error)
        return invocation.reply(Targets((), ()), [Served("", failure=Failure(0, 0, describe(error)))])
    return invocation.reply(targets, served)


class _Invocation:
    """One invocation: its time, and what it says at its end."""

    def __init__(self, records: Sequence[Mapping[str, Any]], context: LambdaContext) -> None:
        self.budget = TimeBudget(context.get_remaining_time_in_millis)
        self._records = records
        self._context = context
        self._stream = KINESIS_STREAM if "kinesis" in records[0] else DYNAMODB_STREAM
        self._started_s = time.time()

    def number(self, position: int) -> str:
        """A record's sequence number; of a change without one, which may be, its id."""
        return self._said(position, self._stream.sequence_number) or str(self._records[position]["eventID"])

    def reply(self, targets: Targets, served: Sequence[Served]) -> Reply:
        """Logs what happened and tells Lambda where to resume.

        https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
        """
        failure = min((one.failure for one in served if one.failure), default=None)
        metrics = {
            "Records": (len(self._records), COUNT),
            **counted(
                Delivered=sum(one.delivered for one in served),
                Retried=sum(one.retried for one in served),
                Backlogged=sum(one.backlogged for one in served),
                Poisoned=sum(one.poisoned for one in served),
                WrongRows=len(targets.wrong),
                Waiting=0 if failure is None else len(self._records) - failure.position,
            ),
            "Time": (round((time.time() - self._started_s) * 1000), "Milliseconds"),
        }
        put_s = self._said(-1, self._stream.time_s)
        if put_s is not None:
            metrics["IteratorAge"] = (round(max(0.0, self._started_s - put_s) * 1000), "Milliseconds")
        details: dict[str, object] = {"level": "INFO", "calls": sum(one.calls for one in served)}
        if targets.wrong:
            told = [f"{row.id}: {row.message}" for row in targets.wrong[:LOGGED_ROWS]]
            details |= {"level": "ERROR", "wrongRows": told}
        failures: list[dict[str, str]] = []
        if failure is not None:
            # Without a number the whole batch comes again: Lambda takes an empty one for a failure of all of it.
            failures = [{"itemIdentifier": self._said(failure.position, self._stream.sequence_number) or ""}]
            details |= {"level": "ERROR", "firstFailure": failures[0]["itemIdentifier"], "reason": failure.reason}
        for one in served:
            counts = counted(
                Delivered=one.delivered, Retried=one.retried, Backlogged=one.backlogged, Poisoned=one.poisoned
            )
            log_target(SETTINGS.function, one.target, counts, {"reason": one.reason} if one.backlogged else {})
        log_invocation(self._context, metrics, details)
        return {"batchItemFailures": failures}

    def _said(self, position: int, name: str) -> Any:
        return self._records[position].get(self._stream.part, {}).get(name)


# Made at the first use and kept for the invocations that follow in this sandbox.
@cache
def _assembly() -> Assembly:
    return Assembly(SETTINGS, longest_answer_s(SETTINGS.patience_s))
