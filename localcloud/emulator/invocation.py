"""Invokes a function as an AWS service does: by ARN, synchronously, from any thread, with the metrics that Lambda
emits.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-sync.html
"""

import json
import time
from dataclasses import dataclass
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope

from localcloud.emulator import metrics

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: request and response of a synchronous
# invocation
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024


class FunctionNotFoundError(LookupError):
    """There is no function, version or alias with this ARN."""


class ThrottledError(RuntimeError):
    """Lambda did not start the invocation: TooManyRequestsException. Nothing reached the function."""


@dataclass(frozen=True)
class Invocation:
    """What an invocation gave: `result` is the parsed response;
    `function_error` is None, or "Unhandled" when the function failed.
    """

    result: Any
    function_error: str | None
    executed_version: str
    log: str
    duration_ms: float

    @property
    def payload(self) -> bytes:
        """The response as Invoke returns it."""
        return json.dumps(self.result, separators=(",", ":")).encode()


def invoke(function_arn: str, payload: bytes) -> Invocation:
    """Invoke with a JSON payload; see `execute`."""
    return execute(function_arn, json.loads(payload))


def execute(function_arn: str, event: Any) -> Invocation:
    """Invoke the function, version or alias with this event and wait for it.

    Emits Invocations, Errors, Duration and Throttles of AWS/Lambda
    (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html). Raises FunctionNotFoundError, and
    ThrottledError
    when the reserved concurrency is used up.
    """
    from ministack.services import lambda_svc

    spec = parse_arn(function_arn)
    with request_scope(spec.account_id, spec.region):
        record, config, name = lambda_svc._get_func_record_for_ref(function_arn)
        if record is None or config is None:
            raise FunctionNotFoundError(f"Function not found: {function_arn}")
        # The context names the ARN that was invoked, which for an alias is not the version's own.
        executed = {**record, "config": {**config, "FunctionArn": function_arn}}
        started = time.perf_counter()
        answer = lambda_svc._execute_function(executed, event)
        duration_ms = (time.perf_counter() - started) * 1000
    if answer.get("throttle"):
        raise ThrottledError(answer["body"]["message"])
    failed = bool(answer.get("error"))
    dimensions = {"FunctionName": name}
    for metric, value, unit in (
        ("Invocations", 1.0, "Count"),
        ("Errors", float(failed), "Count"),
        ("Duration", duration_ms, "Milliseconds"),
    ):
        metrics.put(spec.account_id, spec.region, "AWS/Lambda", metric, value, unit, dimensions)
    return Invocation(
        result=answer.get("body"),
        function_error="Unhandled" if failed else None,
        executed_version=config.get("Version", "$LATEST"),
        log=answer.get("log") or "",
        duration_ms=duration_ms,
    )
