"""The two functions and their stores, deployed without the engine: what the stories of the targets need of a platform.

Their permissions and everything else that a stack has are proved where it is deployed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.code import packaged_code
from components.fan_out.platform import LIBRARIES
from handlers.fan_out.rows import item_of
from integration_tests.fan_out.test_stores import INDEX
from integration_tests.support.addressing import Clients, statement
from integration_tests.support.factories import Factories, Function, objects
from integration_tests.support.function_code import files_of
from integration_tests.support.waiting import eventually

BATCH = 1_000


class Running:
    """The functions `source` and `drainer` of one account, with rows, lanes and the on-failure bucket.

    The patience is as long as any answer may take, so that one that is slow because this machine is comes once.
    """

    def __init__(self, own: Clients, make: Factories, patience_s: int = 6) -> None:
        self.own = own
        self._make = make
        names = ("source", "item", "behind")
        self.lanes = make.table(
            own.account_id,
            keys="source item",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            GlobalSecondaryIndexes=[INDEX],
        )["TableName"]
        self.rows = make.table(own.account_id, keys="sourceArn id")["TableName"]
        self.bucket = make.bucket(own.account_id)
        role = make.role(own.account_id, [statement("*")])
        code = files_of(packaged_code("fan_out", libraries=LIBRARIES))
        environment = {
            "TARGETS_TABLE": self.rows,
            "LANES_TABLE": self.lanes,
            "FAILURE_BUCKET": self.bucket,
            "DRAINER": f"{self.lanes}-drainer",
            "FUNCTION": "fanout",
            "PATIENCE_SECONDS": str(patience_s),
        }

        def function(name: str, module: str) -> Function:
            return make.function(
                own.account_id,
                code,
                environment=environment,
                timeout=300,
                memory=512,
                name=name,
                role_arn=role,
                Handler=f"handlers.fan_out.{module}.handler",
            )

        self.drainer = function(environment["DRAINER"], "drainer")
        self.source = function(f"{self.lanes}-source", "source")

    def register(self, source_arn: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Write rows by their ids."""
        items = [
            item_of({"sourceArn": source_arn, "id": name, "active": True, **options}) for name, options in rows.items()
        ]
        for start in range(0, len(items), 25):
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            assert not self.own.dynamodb.batch_write_item(RequestItems={self.rows: puts})["UnprocessedItems"]

    def hook(self, source_arn: str) -> None:
        """Have the function read a source from its beginning."""
        self._make.mapping(
            self.source,
            source_arn,
            StartingPosition="TRIM_HORIZON",
            BatchSize=BATCH,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    def sweep(self) -> int:
        """What EventBridge does each minute; how many targets are behind."""
        answer = self.drainer.invoke({})
        assert "FunctionError" not in answer, answer
        return int(answer["Payload"]["behind"])

    def behind(self) -> set[str]:
        """The ids of the targets that have a lane behind."""
        items = self.own.dynamodb.scan(TableName=self.lanes)["Items"]
        return {item["item"]["S"].rpartition("#")[2] for item in items if "behind" in item}

    def drained(self) -> None:
        """Sweep until nobody is behind; the drainers that a sweep wakes go on by themselves."""
        for wait_s in (2.0, 10.0, 30.0, 120.0):
            if not self.sweep():
                return
            with contextlib.suppress(AssertionError):
                eventually(self.behind, equals=set(), timeout=wait_s, interval=0.2)
        assert self.behind() == set()

    def kept(self, target: str) -> list[dict[str, Any]]:
        """What the on-failure bucket has of a target, by sequence number."""
        found = objects(self.own.s3, self.bucket, f"targets/{target}/")
        return [json.loads(body) for body in found.values()]


def put(kinesis: Any, stream_arn: str, records: Sequence[tuple[str, bytes]]) -> None:
    """Put keys and data into a stream, in order."""
    for start in range(0, len(records), 500):
        entries = [{"PartitionKey": key, "Data": data} for key, data in records[start : start + 500]]
        assert not kinesis.put_records(StreamARN=stream_arn, Records=entries)["FailedRecordCount"]
