"""A deployed replica in memory: its mapping, its function and its on-failure bucket."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fake_table import FakeDynamoDB, table

from operations.table_replica.deployed import Replica

STREAM = "arn:aws:dynamodb:eu-west-1:444444444444:table/logfile/stream/2026-11-22T10:00:00.000"


class NoSuchKeyError(Exception):
    """There is no such object."""


@dataclass
class FakeS3:
    objects: dict[str, bytes] = field(default_factory=dict)
    exceptions = type("exceptions", (), {"NoSuchKey": NoSuchKeyError})

    def get_paginator(self, _name: str) -> Any:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Any:  # noqa: N803
        return [{"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]}]

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        if Key not in self.objects:
            raise NoSuchKeyError(Key)
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[Key] = Body

    def copy_object(self, Bucket: str, Key: str, CopySource: Any) -> None:  # noqa: N803
        self.objects[Key] = self.objects[CopySource["Key"]]

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803
        del self.objects[Key]


@dataclass
class FakeLambda:
    """A mapping that takes a look or two to change its state, and a function that does what `apply` says.

    `apply` gives the index of the first record that fails, or None.
    """

    state: str = "Enabled"
    apply: Callable[[list[Any]], int | None] = lambda records: None
    on_state: Callable[[str], None] = lambda state: None
    _next: str | None = None
    _changes: int = 0

    def get_event_source_mapping(self, UUID: str) -> Any:  # noqa: N803
        shown = self.state
        if self._next:
            self.state, self._next = self._next, None
            self.on_state(self.state)
        return {"State": shown, "LastModified": self._changes}

    def update_event_source_mapping(self, UUID: str, Enabled: bool) -> None:  # noqa: N803
        assert self.state in ("Enabled", "Disabled")
        self._changes += 1
        self.state, self._next = ("Enabling", "Enabled") if Enabled else ("Disabling", "Disabled")

    def invoke(self, FunctionName: str, LogType: str, Payload: bytes) -> Any:  # noqa: N803
        records = json.loads(Payload)["Records"]
        failed = self.apply(records)
        log = json.dumps({"level": "ERROR", "reason": "the far end refuses"})
        failures = [] if failed is None else [{"itemIdentifier": records[failed]["dynamodb"]["SequenceNumber"]}]
        return {
            "Payload": io.BytesIO(json.dumps({"batchItemFailures": failures}).encode()),
            "LogResult": base64.b64encode(f"START\n{log}\nEND".encode()).decode(),
        }


def deployment(
    source: FakeDynamoDB, replica: FakeDynamoDB, lambda_: FakeLambda, s3: FakeS3, positions: str | None = None
) -> Replica:
    return Replica(
        source=table(source),
        replica=table(replica, "logfile_replica"),
        positions_table=positions,
        function="ddbreplica_lambda",
        mapping_id="a-mapping",
        failure_bucket="failures",
        lambda_=lambda_,  # type: ignore[arg-type]
        s3=s3,  # type: ignore[arg-type]
    )
