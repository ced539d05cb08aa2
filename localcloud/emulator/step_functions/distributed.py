"""The Distributed Map: its items from S3, a child execution for each, its results into S3, all with the role's rights.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

import contextvars
import copy
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from ministack.core.responses import new_uuid, now_iso

from localcloud.emulator.patching import replaces
from localcloud.emulator.step_functions import objects, results
from localcloud.emulator.step_functions.roles import execution_error, required
from localcloud.emulator.step_functions.stopping import Stopped, check, stop_map_run

Json = dict[str, Any]

# AWS runs up to 10,000 children; a thread each is more than one process wants.
MOST_THREADS = 64
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (maximum input or output size of a state)
MAX_OUTPUT_BYTES = 262_144
_COUNTS = (
    "pending",
    "running",
    "succeeded",
    "failed",
    "timedOut",
    "aborted",
    "total",
    "resultsWritten",
    "failuresNotRedrivable",
    "pendingRedrive",
)


def install() -> None:
    @replaces("ministack.services.stepfunctions", "_s3_object_text", source="9351030b6822")
    def object_text(original: object, bucket: str, key: str) -> str:
        return objects.read(bucket, key, "States.ItemReaderFailed").decode()

    @replaces("ministack.services.stepfunctions", "_read_map_items", source="b846851544b8")
    def read_map_items(original: Callable[..., list[Any]], reader: Json, effective: Any, context: Json) -> list[Any]:
        from ministack.services import stepfunctions

        if reader.get("Resource", "").endswith("s3:listObjectsV2"):
            given = reader.get("Parameters") or reader.get("Arguments") or {}
            bucket = stepfunctions._resolve_params_obj(given, effective, context).get("Bucket")
            required("s3:ListBucket", f"arn:aws:s3:::{bucket}", "States.ItemReaderFailed")
        try:
            return original(reader, effective, context)
        except ValueError as wrong:
            raise execution_error("States.ItemReaderFailed", f"The data set cannot be parsed: {wrong}") from wrong

    @replaces("ministack.services.stepfunctions", "_run_distributed_map", source="2b77d3ec0e04")
    def run_distributed_map(
        original: object, state: Json, raw: Any, effective: Any, processor: Json, execution: Json, context: Json
    ) -> tuple[Any, str | None]:
        from ministack.services import stepfunctions as sfn

        if "ItemBatcher" in state:
            raise execution_error("States.Runtime", "The local cloud has no ItemBatcher: leave it out of the Map.")
        machine_arn = str(execution["stateMachineArn"])
        required("states:StartExecution", machine_arn, "States.Runtime")
        run = MapRun(state, processor, execution, raw, effective, context)
        finished = run.run(_items(state, effective, context))
        result: Any = results.written(state, effective, context, run.record, run.children)
        if result is None:
            result = finished
            if len(json.dumps(result).encode()) > MAX_OUTPUT_BYTES:
                raise execution_error(
                    "States.DataLimitExceeded",
                    "The Map state returned a result with a size exceeding the maximum number of bytes service limit.",
                )
        if sfn._state_query_language(state, context) == "JSONata":
            output = sfn._apply_jsonata_output(state, raw, context, result=result, default=result)
            sfn._apply_state_assign(state, raw, context, result=result)
        else:
            output = sfn._apply_result_path(state, raw, sfn._apply_result_selector(state, result))
            output = sfn._apply_output_path(state, output, context)
        return output, sfn._next_or_end(state)


def _items(state: Json, effective: Any, context: Json) -> list[Any]:
    from ministack.services import stepfunctions as sfn

    if state.get("ItemReader"):
        items = sfn._read_map_items(state["ItemReader"], effective, context)
    else:
        items = sfn._resolve_path_or_ctx(state.get("ItemsPath", "$"), effective, context)
    return items if isinstance(items, list) else [items]


class MapRun:
    """One Map Run: `record` is what DescribeMapRun shows, `children` are the executions that it started."""

    def __init__(self, state: Json, processor: Json, execution: Json, raw: Any, effective: Any, context: Json) -> None:
        self._state, self._processor = state, processor
        self._execution, self._effective, self._context = execution, effective, context
        self._lock = threading.Lock()
        self._raw = raw
        self.children: list[Json] = []
        prefix, machine = str(execution["stateMachineArn"]).split(":stateMachine:")
        self._label = f"{machine}/{state.get('Label') or new_uuid()}"
        self._prefix = prefix
        self.record: Json = {
            "mapRunArn": f"{prefix}:mapRun:{self._label}:{new_uuid()}",
            "executionArn": execution["executionArn"],
            "status": "RUNNING",
            "startDate": now_iso(),
            "maxConcurrency": int(self._number("MaxConcurrency")),
            "toleratedFailurePercentage": self._number("ToleratedFailurePercentage"),
            "toleratedFailureCount": int(self._number("ToleratedFailureCount")),
            "itemCounts": dict.fromkeys(_COUNTS, 0),
            "executionCounts": dict.fromkeys(_COUNTS, 0),
            "redriveCount": 0,
            "_stateMachineArn": f"{prefix}:stateMachine:{self._label}",
        }

    def run(self, items: list[Any]) -> list[Any]:
        """Run a child for each item; their outputs in order. Raises when too many fail, or when it is stopped."""
        from ministack.services import stepfunctions

        for counts in (self.record["itemCounts"], self.record["executionCounts"]):
            counts["total"] = counts["pending"] = len(items)
        stepfunctions._map_runs[self.record["mapRunArn"]] = self.record
        most = self.record["maxConcurrency"] or MOST_THREADS
        outputs: list[Any] = [None] * len(items)

        def run_child(index: int, item: Any) -> None:
            if self.record["status"] == "RUNNING":
                outputs[index] = self._child(index, item)

        with ThreadPoolExecutor(max(1, min(most, len(items), MOST_THREADS))) as threads:
            wait(
                [
                    threads.submit(contextvars.copy_context().run, run_child, index, item)
                    for index, item in enumerate(items)
                ]
            )
        check(self._execution)
        if self.record["status"] == "FAILED":
            raise execution_error(
                "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
            )
        self.record.update(status="SUCCEEDED", stopDate=now_iso())
        return outputs

    def _child(self, index: int, item: Any) -> Any:
        """Run the processor on one item as an execution of its own; its output, None when it failed."""
        from ministack.services import stepfunctions as sfn

        context = copy.deepcopy(self._context)
        context["Map"] = {"Item": {"Index": index, "Value": item}}
        name = new_uuid()
        child: Json = {
            "executionArn": f"{self._prefix}:execution:{self._label}:{name}",
            "stateMachineArn": self.record["_stateMachineArn"],
            "name": name,
            "status": "RUNNING",
            "startDate": now_iso(),
            "stopDate": None,
            "input": json.dumps(self._input(item, context)),
            "inputDetails": {"included": True},
            "output": None,
            "outputDetails": {"included": True},
            "mapRunArn": self.record["mapRunArn"],
            "events": [],
            "testCase": self._execution.get("testCase"),
            "mockAttempts": {},
        }
        with self._lock:
            if self.record["status"] != "RUNNING":
                return None
            sfn._executions[child["executionArn"]] = child
            self.children.append(child)
            self._move("pending", "running")
        output, end = None, "succeeded"
        ended: Json = {"status": "SUCCEEDED"}
        try:
            output = sfn._run_sub_machine(
                self._processor.get("States", {}),
                self._processor.get("StartAt"),
                json.loads(child["input"]),
                child,
                context,
            )
            ended["output"] = json.dumps(output)
        except Stopped:
            return None
        except sfn._ExecutionError as error:
            end, ended = "failed", {"status": "FAILED", "error": error.error, "cause": error.cause}
        with self._lock:
            if child["status"] != "RUNNING":  # stopped while its last task was under way
                return None
            child.update(ended, stopDate=now_iso())
            self._move("running", end)
            if end == "failed" and self._too_many():
                stop_map_run(self.record, "FAILED")
        return output

    def _input(self, item: Any, context: Json) -> Any:
        from ministack.services import stepfunctions as sfn

        selector = self._state.get("ItemSelector") or self._state.get("Parameters")
        if not selector:
            return item
        if sfn._state_query_language(self._state, context) == "JSONata":
            return sfn._apply_jsonata_template(selector, self._raw, context)
        return sfn._resolve_params_obj(selector, self._effective, context)

    def _too_many(self) -> bool:
        """Whether a threshold is exceeded; without one any failure is too many."""
        failed, total = self.record["itemCounts"]["failed"], self.record["itemCounts"]["total"]
        exceeded = []
        if any(f"ToleratedFailureCount{path}" in self._state for path in ("", "Path")):
            exceeded.append(failed > self.record["toleratedFailureCount"])
        if any(f"ToleratedFailurePercentage{path}" in self._state for path in ("", "Path")):
            exceeded.append(failed * 100 > self.record["toleratedFailurePercentage"] * total)
        return any(exceeded) if exceeded else True

    def _move(self, before: str, after: str) -> None:
        for counts in (self.record["itemCounts"], self.record["executionCounts"]):
            counts[before] -= 1
            counts[after] += 1

    def _number(self, field: str) -> float:
        """A field of the state, also as a path into its input or as a JSONata expression; 0 when there is none."""
        from ministack.services import stepfunctions as sfn

        value = self._state.get(field)
        if path := self._state.get(f"{field}Path"):
            value = sfn._resolve_path_or_ctx(path, self._effective, self._context)
        elif isinstance(value, str):
            value = sfn._jsonata_state_field(self._state, field, "number", self._raw, self._context)
        if value is None:
            return 0
        if not isinstance(value, int | float) or value < 0:
            raise execution_error("States.Runtime", f"{field} must be a number of at least 0, but it is {value!r}.")
        return value
