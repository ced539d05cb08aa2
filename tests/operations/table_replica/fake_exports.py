"""A world whose source can be exported, with a state machine whose executions a test lets run."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from fake_world import World

from handlers.shared.export_places import Tally
from operations.instruments.distributing import Watch, execution_arn
from operations.instruments.exporting import ExportBucket
from operations.instruments.rates import RateLimit
from operations.table_replica import backfilling_exports, checkpoints
from operations.table_replica.copying_files import distributed, locally
from operations.table_replica.deployed import Bulk

TABLE = "arn:aws:dynamodb:eu-west-1:444444444444:table/logfile"
MACHINE = "arn:aws:states:eu-west-1:444444444444:stateMachine:ddbreplica_lambda-backfill"
FILES = 2


class Machine:
    """Step Functions whose executions end at once, as `outcome` says: what they do is the test's business."""

    def __init__(self) -> None:
        self.executions: dict[str, str] = {}
        self.started: list[tuple[str, dict[str, Any]]] = []
        self.stopped: list[str] = []
        self.outcome: Callable[[], str] = lambda: "SUCCEEDED"

    class exceptions:  # noqa: N801 - as botocore names it
        ExecutionDoesNotExist = KeyError

    def start_execution(self, stateMachineArn: str, name: str, input: str) -> None:  # noqa: N803, A002
        self.started.append((name, json.loads(input)))
        self.executions[execution_arn(stateMachineArn, name)] = self.outcome()

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803
        return {"status": self.executions[executionArn]}

    def list_map_runs(self, executionArn: str) -> Any:  # noqa: N803
        return {"mapRuns": []}

    def stop_execution(self, executionArn: str, error: str, cause: str) -> None:  # noqa: N803
        self.executions[executionArn] = "ABORTED"
        self.stopped.append(executionArn)


class ExportWorld(World):
    """The source can be exported: an export holds what is in the table when it is asked for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.exports: dict[str, Any] = {}
        self.machine = Machine()
        self.source.export_table_to_point_in_time = self._export  # type: ignore[attr-defined]
        self.source.describe_export = lambda ExportArn: {"ExportDescription": self.exports[ExportArn]}  # type: ignore[attr-defined]  # noqa: N803
        describe = self.source.describe_table
        self.source.describe_table = lambda TableName: {  # type: ignore[method-assign]  # noqa: N803
            "Table": {**describe(TableName)["Table"], "TableArn": TABLE}
        }
        self.bulk = Bulk(
            ExportBucket("exports", "444444444444", "a-key"),
            {"maximumConcurrency": 2, "backfillMachineArn": MACHINE},
            lambda service: self.machine,
        )

    def _export(self, ClientToken: str, **_: object) -> Any:  # noqa: N803
        arn = f"{TABLE}/export/{ClientToken}"
        if arn not in self.exports:
            folder, items = f"exports/AWSDynamoDB/{ClientToken}", list(self.source.items.values())
            manifest = []
            for number in range(FILES):
                part = items[number::FILES]
                key = f"{folder}/data/{number}.json.gz"
                lines = "".join(f"{json.dumps({'Item': item})}\n" for item in part)
                self.s3.objects[key] = gzip.compress(lines.encode())
                manifest.append(json.dumps({"dataFileS3Key": key, "itemCount": len(part)}))
            self.s3.objects[f"{folder}/manifest-files.json"] = "\n".join(manifest).encode()
            self.exports[arn] = {
                "ExportStatus": "COMPLETED",
                "S3Bucket": "exports",
                "ExportManifest": f"{folder}/manifest-summary.json",
                "ItemCount": len(items),
                "BilledSizeBytes": 1,
            }
        return {"ExportDescription": {"ExportArn": arn}}

    def backfill_distributed(self, write_units: float | None = None) -> Tally:
        copy = distributed(self.deployment, self.bulk, write_units, Watch())
        return backfilling_exports.backfill(self.deployment, self.bulk, copy, Watch())

    def backfill_export(self) -> Tally:
        watch = Watch(lambda note: self._on_scan(), lambda done, total: self._on_scan())
        copy = locally(self.deployment, RateLimit(None), watch)
        return backfilling_exports.backfill(self.deployment, self.bulk, copy, watch)

    @property
    def progress(self) -> checkpoints.ExportProgress:
        found = checkpoints.load(self.deployment.s3, "failures")
        assert found is not None
        assert found.export is not None
        return found.export
