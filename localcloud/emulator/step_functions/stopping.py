"""What ends with an execution: its Map Runs, their children, and whatever its states would have done next.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html. A function that was invoked ends
by itself, as on AWS; nothing comes after it.
"""

import contextvars
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import now_iso

from localcloud.emulator.patching import replaces

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

# The execution whose states run on this thread.
_current: contextvars.ContextVar[Json | None] = contextvars.ContextVar("execution", default=None)


class Stopped(Exception):  # noqa: N818 - no error of a state: nothing retries or catches it
    """The execution was stopped."""


def running(execution: Json) -> None:
    """Note whose states run on this thread."""
    _current.set(execution)


def check(execution: Json | None) -> None:
    """Raise Stopped when an execution does not run any more."""
    if execution is not None and execution["status"] != "RUNNING":
        raise Stopped


def install() -> None:
    @replaces("ministack.services.stepfunctions", "_stop_execution", source="44d2d84ccd5c")
    def stop_execution(original: Callable[[Json], Answer], request: Json) -> Answer:
        answer = original(request)
        if answer[0] == 200:
            for run in _runs_of(request["executionArn"]):
                stop_map_run(run, "ABORTED")
        return answer

    @replaces("ministack.services.stepfunctions", "_fail_execution", source="e6da895fa0b7")
    def fail_execution(original: Callable[[Json, str, str], None], execution: Json, error: str, cause: str) -> None:
        # One that was stopped stays so, whatever a task under way comes to.
        if execution["status"] == "RUNNING":
            original(execution, error, cause)

    @replaces("ministack.services.stepfunctions", "_run_sub_machine", source="f8d844168b14")
    def run_sub_machine(
        original: Callable[..., Any], states: Json, start_at: str, data: Any, execution: Json, context: Json
    ) -> Any:
        running(execution)
        return original(states, start_at, data, execution, context)

    @replaces("ministack.services.stepfunctions", "_execute_task", source="53c818d247db")
    def execute_task(original: Callable[..., Any], state: Json, data: Any, execution: Json, context: Json) -> Any:
        check(execution)
        running(execution)
        return original(state, data, execution, context)

    @replaces("ministack.services.stepfunctions", "_execute_choice", source="468955fcd4a4")
    def execute_choice(original: Callable[..., Any], *arguments: Any) -> Any:
        # Every loop of states comes by here.
        check(_current.get())
        return original(*arguments)

    @replaces("ministack.services.stepfunctions", "_invoke_resource", source="a85d2be9a858")
    def invoke_resource(original: Callable[..., Any], resource: str, data: Any) -> Any:
        # Also before each retry.
        check(_current.get())
        return original(resource, data)


def stop_map_run(run: Json, status: str) -> None:
    """End a Map Run: what waits or runs of it counts as aborted."""
    from ministack.services import stepfunctions

    if run["status"] != "RUNNING":
        return
    run.update(status=status, stopDate=now_iso())
    for child in list(stepfunctions._executions.values()):
        if child.get("mapRunArn") == run["mapRunArn"] and child["status"] == "RUNNING":
            child.update(status="ABORTED", stopDate=run["stopDate"])
    for counts in (run["itemCounts"], run["executionCounts"]):
        counts["aborted"] += counts["pending"] + counts["running"]
        counts["pending"] = counts["running"] = 0


def _runs_of(execution_arn: str) -> Iterator[Json]:
    from ministack.services import stepfunctions

    return (run for run in list(stepfunctions._map_runs.values()) if run["executionArn"] == execution_arn)
