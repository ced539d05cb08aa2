"""The ResultWriter of a Distributed Map: what became of each child, in files by status, and a manifest that names them.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

import json
from collections.abc import Sequence
from typing import Any

from localcloud.emulator.step_functions import objects
from localcloud.emulator.step_functions.roles import execution_error

Json = dict[str, Any]

_STATUSES = {"FAILED": ("FAILED", "TIMED_OUT", "ABORTED"), "PENDING": (), "SUCCEEDED": ("SUCCEEDED",)}
ERROR = "States.ResultWriterFailed"


def written(state: Json, effective: Any, context: Json, run: Json, children: Sequence[Json]) -> Json | None:
    """Write the results, if the state says where; the state's result is then where they are. None when it does not."""
    from ministack.services import stepfunctions

    writer = state.get("ResultWriter") or {}
    if "Resource" not in writer:
        return None
    if "WriterConfig" in writer:
        raise execution_error(
            "States.Runtime", "The local cloud has no WriterConfig: leave it out of the ResultWriter."
        )
    given = writer.get("Parameters") or writer.get("Arguments") or {}
    where = stepfunctions._resolve_params_obj(given, effective, context)
    bucket, prefix = where["Bucket"], str(where.get("Prefix", "")).rstrip("/")
    folder = f"{prefix}/{run['mapRunArn'].rsplit(':', 1)[-1]}".lstrip("/")
    files: dict[str, list[Json]] = {}
    for name, statuses in _STATUSES.items():
        files[name] = []
        found = [_described(child) for child in children if child["status"] in statuses]
        if found:
            body = json.dumps(found).encode()
            files[name].append({"Key": f"{folder}/{name}_0.json", "Size": len(body)})
            objects.write(bucket, f"{folder}/{name}_0.json", body, ERROR)
            for counts in (run["itemCounts"], run["executionCounts"]):
                counts["resultsWritten"] += len(found)
    manifest = {"DestinationBucket": bucket, "MapRunArn": run["mapRunArn"], "ResultFiles": files}
    objects.write(bucket, f"{folder}/manifest.json", json.dumps(manifest).encode(), ERROR)
    details = {"Bucket": bucket, "Key": f"{folder}/manifest.json"}
    return {"MapRunArn": run["mapRunArn"], "ResultWriterDetails": details}


def _described(child: Json) -> Json:
    shown = {
        "ExecutionArn": child["executionArn"],
        "Input": child["input"],
        "InputDetails": {"Included": True},
        "Name": child["name"],
        "RedriveCount": 0,
        "RedriveStatus": "NOT_REDRIVABLE",
        "StartDate": child["startDate"],
        "StateMachineArn": child["stateMachineArn"],
        "Status": child["status"],
        "StopDate": child["stopDate"],
    }
    if child["status"] == "SUCCEEDED":
        return {**shown, "Output": child["output"], "OutputDetails": {"Included": True}}
    return {**shown, "Error": child.get("error", ""), "Cause": child.get("cause", "")}
