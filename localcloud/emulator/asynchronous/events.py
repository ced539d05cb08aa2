"""The events at work: each is tried until it is processed or given up, and then told about.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

import contextvars
import json
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.responses import new_uuid, request_scope

from localcloud.emulator import eventloop, metrics
from localcloud.emulator.asynchronous.attempts import (
    SUCCESS,
    End,
    Retry,
    after_failure,
    after_throttling,
    before_attempt,
)
from localcloud.emulator.asynchronous.destinations import tell
from localcloud.emulator.asynchronous.records import Ended
from localcloud.emulator.asynchronous.settings import Settings
from localcloud.emulator.invocation import FunctionNotFoundError, Invocation, ThrottledError, execute
from localcloud.emulator.patching import replaces
from localcloud.emulator.resetting import on_reset

# Lambda runs 1,000 invocations of an account at once; each is a process here, and they share one machine.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
MOST_AT_ONCE = 50

_logger = logging.getLogger(__name__)
_workers = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="asynchronous-event")
# Counts resets: events of the state before end without a word.
_generation = 0


def invoke(function_arn: str, event: Any) -> bool:
    """Take an event for a function, version or alias; False when there is none. Returns at once."""
    if _settings(function_arn) is None:
        return False
    _count(function_arn, "AsyncEventsReceived")
    _workers.submit(_Event(function_arn, event).attempt)
    return True


class _Event:
    """One event from its acceptance to its end."""

    def __init__(self, function_arn: str, content: Any) -> None:
        self._arn = function_arn
        self._content = content
        self._generation = _generation
        self._context = contextvars.copy_context()
        self._request_id = new_uuid()
        self._accepted_s = time.monotonic()
        self._failures = 0
        self._throttled = 0
        self._last: Invocation | None = None

    def attempt(self) -> None:
        """Try once; then try again later, or tell the destinations."""
        try:
            settings = _settings(self._arn)
            if settings is None or self._generation != _generation:
                return  # a function that was deleted takes its events along
            following = before_attempt(settings, self._age_s) or self._context.run(self._execute, settings)
            if isinstance(following, End):
                self._end(settings, following.condition)
            else:
                eventloop.later(following.pause_s, lambda: _workers.submit(self.attempt))
        except Exception:
            _logger.exception("event of %s", self._arn)

    @property
    def _age_s(self) -> float:
        return time.monotonic() - self._accepted_s

    def _execute(self, settings: Settings) -> Retry | End:
        try:
            answer = execute(self._arn, self._content)
        except ThrottledError:
            self._throttled += 1
            return after_throttling(self._throttled)
        except FunctionNotFoundError:
            return Retry(0)  # the next attempt sees that it is gone
        self._throttled, self._last = 0, answer
        if answer.function_error is None:
            return End(SUCCESS)
        self._failures += 1
        return after_failure(settings, self._failures, self._age_s)

    def _end(self, settings: Settings, condition: str) -> None:
        invocations = self._failures + (condition == SUCCESS)
        _count(self._arn, "AsyncEventAge", self._age_s * 1000, "Milliseconds")
        if condition != SUCCESS:
            _count(self._arn, "AsyncEventsDropped")
        tell(Ended(self._request_id, self._arn, self._content, condition, invocations, self._last), settings, invoke)


def _settings(function_arn: str) -> Settings | None:
    from ministack.services import lambda_svc

    spec = parse_arn(function_arn)
    with request_scope(spec.account_id, spec.region):
        record, config, _ = lambda_svc._get_func_record_for_ref(function_arn)
        function, _, _ = lambda_svc._get_base_func_record_for_ref(function_arn)
        if record is None or config is None or function is None:
            return None
        qualifier = function_arn.split(":")[7] if function_arn.count(":") > 6 else None
        return Settings.of(function, config, qualifier)


def _count(function_arn: str, metric: str, value: float = 1.0, unit: str = "Count") -> None:
    region, account_id, name = (function_arn.split(":")[part] for part in (3, 4, 6))
    metrics.put(account_id, region, "AWS/Lambda", metric, value, unit, {"FunctionName": name})


def _take(_original: object, function: Mapping[str, Any], event: Any) -> None:
    """An event that the emulator hands over with its record of the function."""
    invoke((function.get("config") or function)["FunctionArn"], event)


def install() -> None:
    def begin_anew() -> None:
        global _generation
        _generation += 1

    on_reset(begin_anew)
    module = "ministack.services.lambda_svc"
    replaces(module, "invoke_async_with_retry", source="289fe4d3cbd4")(_take)

    @replaces(module, "_emit_lambda_metrics", source="3b6689d77cf6")
    def emit(
        original: Callable[..., None], function_name: str, duration_ms: float, error: bool, throttle: bool
    ) -> None:
        """Taking an event is no invocation: its attempts are counted when they are made."""
        if duration_ms > 0 or error or throttle:
            original(function_name, duration_ms=duration_ms, error=error, throttle=throttle)

    @replaces("ministack.services.eventbridge", "_dispatch_to_lambda", source="1f95adbaed3a")
    def from_event_bus(_original: object, arn: str, payload: str) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchevents.html: asynchronous"""
        try:
            event = json.loads(payload)
        except (TypeError, ValueError):
            event = {"body": payload}
        if not invoke(arn, event):
            _logger.warning("EventBridge: there is no function %s", arn)

    @replaces("ministack.services.iot", "_dispatch_rule_to_lambda", source="31f7626b5c78")
    def from_topic_rule(_original: object, account_id: str, region: str, function_arn: str, event: Any) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/services-iot.html: asynchronous"""
        if not invoke(function_arn, event):
            _logger.warning("IoT rule of %s: there is no function %s", account_id, function_arn)
