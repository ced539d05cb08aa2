"""Invokes a mapping's function with a batch, and hands over to the on-failure destination what is given up."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.emulator import metrics
from localcloud.emulator.access.authorization import assume
from localcloud.emulator.event_sources import destinations
from localcloud.emulator.event_sources.access import LAMBDA
from localcloud.emulator.event_sources.attempts import Attempt
from localcloud.emulator.event_sources.records import StreamRecord
from localcloud.emulator.event_sources.responses import first_failed
from localcloud.emulator.event_sources.settings import Settings
from localcloud.emulator.event_sources.sources import Source
from localcloud.emulator.invocation import FunctionNotFoundError, ThrottledError, execute

FUNCTION_FAILED = "PROBLEM: Function call failed"


@dataclass(frozen=True)
class Delivered:
    """Every record was processed; `result` is what the function returned."""

    result: Any


@dataclass(frozen=True)
class Failed:
    """The function failed, or said that the records from `failed_from` on were not processed."""

    failed_from: int
    executed_version: str
    function_error: str | None
    problem: str = FUNCTION_FAILED


@dataclass(frozen=True)
class NotInvoked:
    """The function was not reached: throttled, or not there."""

    problem: str


Outcome = Delivered | Failed | NotInvoked


class Delivery:
    """What a mapping does with batches. `settings` and `role_arn` are asked every time, since both can change."""

    def __init__(
        self, mapping_id: str, source: Source, settings: Callable[[], Settings], role_arn: Callable[[], str]
    ) -> None:
        self._mapping_id = mapping_id
        self._source = source
        self._settings = settings
        self._role_arn = role_arn

    def invoke(self, records: Sequence[StreamRecord], extra: Mapping[str, Any] | None = None) -> Outcome:
        """Send records, with `extra` keys in the event; a function that reports failures is asked for them."""
        settings = self._settings()
        if records:
            age_ms = max(0.0, (time.time() - records[-1].arrival_s) * 1000)
            self._emit(settings.function_arn, "IteratorAge", age_ms, "Milliseconds")
        event = {"Records": [record.event for record in records], **(extra or {})}
        try:
            answer = execute(settings.function_arn, event)
        except ThrottledError as error:
            self.count("FailedInvokeEventCount", len(records))
            return NotInvoked(f"PROBLEM: Function call was throttled. {error}")
        except FunctionNotFoundError as error:
            self.count("FailedInvokeEventCount", len(records))
            return NotInvoked(f"PROBLEM: {error}")
        self.count("InvokedEventCount", len(records))
        if answer.function_error is not None:
            self.count("FailedInvokeEventCount", len(records))
            return Failed(0, answer.executed_version, answer.function_error)
        if settings.reports_failures:
            failed_from = first_failed(answer.result, [record.sequence_number for record in records])
            if failed_from is not None:
                self.count("FailedInvokeEventCount", len(records) - failed_from)
                return Failed(failed_from, answer.executed_version, None)
        return Delivered(answer.result)

    def give_up(self, attempt: Attempt, condition: str, failed: Failed | None, shard_id: str) -> str | None:
        """Send to the on-failure destination, if there is one; returns why it did not work, or None."""
        settings = self._settings()
        if settings.destination_arn is None:
            self.count("DroppedEventCount", len(attempt.records))
            return None
        given_up = destinations.GivenUp(
            records=attempt.records,
            condition=condition,
            invocations=attempt.invocations,
            function_arn=settings.function_arn,
            executed_version=failed.executed_version if failed else None,
            function_error=failed.function_error if failed else None,
            shard_id=shard_id,
            stream_arn=self._source.arn,
            batch_info=self._source.batch_info,
        )
        try:
            session = assume(self._role_arn(), LAMBDA, settings.function_arn.split(":")[6], settings.function_arn)
            destinations.send(session, settings.destination_arn, self._mapping_id, given_up)
        except Exception as error:  # whatever it is, the records must not be lost silently
            self._emit(settings.function_arn, "DestinationDeliveryFailures", 1, "Count")
            return f"PROBLEM: Could not send to {settings.destination_arn}. {error}"
        self.count("OnFailureDestinationDeliveredEventCount", len(attempt.records))
        return None

    def count(self, metric: str, events: int) -> None:
        """Count events in a mapping's own metric, where its MetricsConfig asks for it.

        What goes to an on-failure destination is not dropped.
        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics
        """
        if events:
            self._count(metric, events)

    def count_polled(self, events: int) -> None:
        """Count what was read; nothing is counted as well, which shows that the mapping polls.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics
        """
        self._count("PolledEventCount", events)

    def _count(self, metric: str, events: int) -> None:
        settings = self._settings()
        if settings.counts_events:
            _, _, _, region, account_id = settings.function_arn.split(":")[:5]
            dimensions = {"EventSourceMappingUUID": self._mapping_id}
            metrics.put(account_id, region, "AWS/Lambda", metric, events, "Count", dimensions)

    def _emit(self, function_arn: str, name: str, value: float, unit: str) -> None:
        """One value of a metric of AWS/Lambda by function.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        """
        _, _, _, region, account_id, _, function_name = function_arn.split(":")[:7]
        metrics.put(account_id, region, "AWS/Lambda", name, value, unit, {"FunctionName": function_name})
