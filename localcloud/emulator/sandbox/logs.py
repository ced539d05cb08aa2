"""Writes what an invocation printed to CloudWatch Logs: a stream for each environment, platform lines around it.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html and
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
"""

import math
import time
from dataclasses import dataclass
from typing import Any

from localcloud.emulator.access.authorization import AccessDenied, allowed, assume
from localcloud.emulator.sandbox.environment import log_group
from localcloud.emulator.sandbox.worker import Outcome

# AWS keeps everything; a local cloud that runs for days keeps the newest events of each environment.
MAX_EVENTS_PER_STREAM = 10_000


def write(config: dict[str, Any], request_id: str, outcome: Outcome, duration_ms: float) -> None:
    """Append the invocation's lines to the environment's stream, but for those that are there already."""
    _append(config, outcome.log_stream, lines(config, request_id, outcome, duration_ms))


def lines(config: dict[str, Any], request_id: str, outcome: Outcome, duration_ms: float) -> list[str]:
    """START, what the function printed, END and REPORT; without what is in the log already."""
    printed = outcome.log.encode()[outcome.live_bytes :].decode(errors="replace")
    start = [] if outcome.live_bytes else [_start(config, request_id)]
    return [*start, *_events(printed), *_end(config, request_id, outcome, duration_ms)]


@dataclass
class Live:
    """Writes what an invocation prints while it runs: who waits for it sees what it waits for. `written_bytes` are."""

    config: dict[str, Any]
    request_id: str
    written_bytes: int = 0

    def printed(self, log_stream: str, printed: bytes) -> None:
        """Append the lines that are complete and not written yet."""
        complete = printed.rfind(b"\n") + 1
        if complete > self.written_bytes:
            start = [] if self.written_bytes else [_start(self.config, self.request_id)]
            events = _events(printed[self.written_bytes : complete].decode(errors="replace"))
            self.written_bytes = complete
            _append(self.config, log_stream, [*start, *events])


def _append(config: dict[str, Any], log_stream: str, lines: list[str]) -> None:
    """Append events to a stream, which is created with its group when it is new.

    All of it is done with the function's role: without its permissions nothing is written, as on AWS
    (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-prerequisites.html).
    """
    from ministack.services import cloudwatch_logs

    now_ms = int(time.time() * 1000)
    group_name = log_group(config)
    if not _permitted(config, group_name, log_stream, _needed(cloudwatch_logs, group_name, log_stream)):
        return
    events = [{"timestamp": now_ms, "message": line, "ingestionTime": now_ms} for line in lines]
    stream = _stream(cloudwatch_logs, group_name, log_stream, now_ms)
    cloudwatch_logs._append_log_events(stream, events)
    del stream["events"][:-MAX_EVENTS_PER_STREAM]
    cloudwatch_logs._fanout_to_subscription_filters(
        group_name,
        log_stream,
        [{"timestamp": event["timestamp"], "message": event["message"]} for event in events],
    )


def _start(config: dict[str, Any], request_id: str) -> str:
    return f"START RequestId: {request_id} Version: {config.get('Version', '$LATEST')}"


def _events(printed: str) -> list[str]:
    """What the function printed, a line each; a carriage return stays inside its event."""
    return [line.replace("\r", "\n") for line in printed.split("\n") if line]


def _end(config: dict[str, Any], request_id: str, outcome: Outcome, duration_ms: float) -> list[str]:
    """END and REPORT."""
    report = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {math.ceil(duration_ms)} ms",
        f"Memory Size: {config.get('MemorySize', 128)} MB",
        f"Max Memory Used: {outcome.peak_memory_mb} MB",
    ]
    if outcome.init_s is not None:
        report.append(f"Init Duration: {outcome.init_s * 1000:.2f} ms")
    if outcome.status != "success":
        report.append(f"Status: {outcome.status}")
    return [f"END RequestId: {request_id}", "\t".join(report)]


def _needed(cloudwatch_logs: Any, group_name: str, stream_name: str) -> list[str]:
    """The actions that writing to this stream takes now."""
    group = cloudwatch_logs._log_groups.get(group_name)
    if group is None:
        return ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    return ["logs:PutLogEvents"] if stream_name in group["streams"] else ["logs:CreateLogStream", "logs:PutLogEvents"]


def _permitted(config: dict[str, Any], group_name: str, stream_name: str, actions: list[str]) -> bool:
    region, account_id = config["FunctionArn"].split(":")[3:5]
    stream_arn = f"arn:aws:logs:{region}:{account_id}:log-group:{group_name}:log-stream:{stream_name}"
    try:
        session = assume(config["Role"], "lambda.amazonaws.com", config["FunctionName"], config["FunctionArn"])
    except AccessDenied:
        return False
    return all(allowed(session, action, stream_arn, region=region) for action in actions)


def _stream(cloudwatch_logs: Any, group_name: str, stream_name: str, now_ms: int) -> dict[str, Any]:
    groups = cloudwatch_logs._log_groups
    if group_name not in groups:
        groups[group_name] = {
            "arn": cloudwatch_logs._make_group_arn(group_name),
            "creationTime": now_ms,
            "retentionInDays": None,
            "tags": {},
            "subscriptionFilters": {},
            "streams": {},
        }
    empty = {
        "events": [],
        "uploadSequenceToken": "1",
        "creationTime": now_ms,
        "firstEventTimestamp": None,
        "lastEventTimestamp": None,
        "lastIngestionTime": None,
    }
    return groups[group_name]["streams"].setdefault(stream_name, empty)  # type: ignore[no-any-return]
