"""Hands the files of an export to a state machine: a child execution for each file, which a function takes.

The execution goes on when nobody watches; whoever types the command again watches it again. See
components/distributed_backfill.py for the state machine.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from operations.errors import OperationError
from operations.instruments.exporting import Export, files_manifest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

FIRST_POLL_S, LONGEST_POLL_S = 0.2, 10.0
RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: a function that was started runs as long
LONGEST_INVOCATION_S = 900.0


@dataclass(frozen=True)
class Counts:
    """How many files there are, and how many of them are done or given up."""

    total: int
    done: int
    failed: int


@dataclass(frozen=True)
class Execution:
    """What became of an execution; `stopped_at_s` since 1970 is None while it is running."""

    status: str
    stopped_at_s: float | None
    output: str | None
    cause: str | None

    @property
    def quiet_at_s(self) -> float:
        """When no function that it started can run any more, since 1970; 0 when each came to its end."""
        return 0.0 if self.status == SUCCEEDED else (self.stopped_at_s or time.time()) + LONGEST_INVOCATION_S


class Progress(Protocol):
    """Whoever keeps it finds an execution again: the last one's ARN, and how many there were.

    No function that an earlier execution started runs after `quiet_at_s`, since 1970.
    """

    execution_arn: str | None
    runs: int
    quiet_at_s: float


@dataclass(frozen=True)
class Watch:
    """What is told while an execution runs: what is done now, and how much of how much is done."""

    on_note: Callable[[str], None] = lambda note: None
    on_progress: Callable[[float, float], None] = lambda done, total: None


def request(export: Export, folder: str, concurrency: int, **passed: Any) -> dict[str, Any]:
    """An execution's input. `folder` keeps the places of the files; `passed` is what each function gets besides."""
    return {
        "bucket": export.bucket,
        "manifest": files_manifest(export),
        "folder": folder,
        "results": f"{folder}/results",
        "concurrency": concurrency,
        **passed,
    }


def carry_out(
    client: "SFNClient",
    s3: "S3Client",
    machine_arn: str,
    export: Export,
    given: Mapping[str, Any],
    progress: Progress,
    save: Callable[[], None],
    watch: Watch,
    check: Callable[[], None] = lambda: None,
) -> dict[str, str]:
    """Watch the execution that is running, or start one; why it gave files up, by their keys.

    `save` keeps the progress; `check` is called at each look, and may raise. Raises OperationError when the execution
    did not come to its end.
    """
    found = find(client, progress.execution_arn) if progress.execution_arn else None
    if progress.execution_arn is None or (found is not None and found.status != RUNNING):
        progress.quiet_at_s = max(progress.quiet_at_s, found.quiet_at_s if found else 0.0)
        progress.runs += 1
        progress.execution_arn = execution_arn(machine_arn, f"{export.id}-{progress.runs}")
        found = None
    # Known before it is there: whoever is killed now finds it.
    save()
    if found is None:
        start(client, machine_arn, progress.execution_arn.rpartition(":")[2], given)
    watch.on_note(f"Execution {progress.execution_arn}")
    ended = follow(
        client,
        progress.execution_arn,
        lambda counts: watch.on_progress(counts.done + counts.failed, counts.total),
        check,
    )
    if ended.status == SUCCEEDED:
        return failed_files(s3, ended)
    raise OperationError(
        f"execution {progress.execution_arn} ended as {ended.status}: {ended.cause or 'no cause was given'}. Type "
        "the same command again to go on with what is not done."
    )


def execution_arn(machine_arn: str, name: str) -> str:
    """The ARN of an execution by its name.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
    """
    return f"{machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"


def find(client: "SFNClient", arn: str) -> Execution | None:
    """An execution as it is now, None when there is none."""
    try:
        found = client.describe_execution(executionArn=arn)
    except client.exceptions.ExecutionDoesNotExist:
        return None
    stopped: datetime | None = found.get("stopDate")
    return Execution(
        found["status"], None if stopped is None else stopped.timestamp(), found.get("output"), found.get("cause")
    )


def start(client: "SFNClient", machine_arn: str, name: str, given: Mapping[str, Any]) -> None:
    """Start an execution."""
    client.start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(given))


def stop(client: "SFNClient", arn: str, cause: str) -> None:
    """Stop an execution and its children; the functions that they started end by themselves."""
    client.stop_execution(executionArn=arn, error="Stopped", cause=cause)


def follow(
    client: "SFNClient",
    arn: str,
    on_counts: Callable[[Counts], None],
    on_poll: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Execution:
    """Watch an execution until it ends. `on_poll` is called at each look, and may raise."""
    wait_s = FIRST_POLL_S
    while True:
        found = find(client, arn)
        if found is None:
            raise OperationError(f"there is no execution {arn} any more. Type the same command again for a new one.")
        if (counts := _counts(client, arn)) is not None:
            on_counts(counts)
        if found.status != RUNNING:
            return found
        on_poll()
        sleep(wait_s)
        wait_s = min(LONGEST_POLL_S, wait_s * 1.5)


def failed_files(s3: "S3Client", execution: Execution) -> dict[str, str]:
    """Why files were given up, by their keys, as the results of an execution that came to its end say.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
    """
    details = json.loads(execution.output or "{}").get("ResultWriterDetails")
    if not details:
        return {}
    manifest = _json(s3, details["Bucket"], details["Key"])
    children = (
        child
        for result in manifest["ResultFiles"]["FAILED"]
        for child in _json(s3, manifest["DestinationBucket"], result["Key"])
    )
    return {json.loads(child["Input"])["file"]: _reason(child) for child in children}


def _counts(client: "SFNClient", arn: str) -> Counts | None:
    """The counts of the execution's Map Run, None before there is one."""
    for run in client.list_map_runs(executionArn=arn)["mapRuns"]:
        items = client.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
        given_up = items["failed"] + items["timedOut"] + items["aborted"]
        return Counts(items["total"], items["succeeded"], given_up)
    return None


def _json(s3: "S3Client", bucket: str, key: str) -> Any:
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def _reason(child: Mapping[str, Any]) -> str:
    """A failed function's own message, or what Step Functions says."""
    cause = child.get("Cause") or ""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return f"{child.get('Error') or child.get('Status')}: {cause}"
