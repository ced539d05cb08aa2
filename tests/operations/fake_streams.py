"""Functions on streams in memory: their mappings, what they answer, and their on-failure bucket."""

from __future__ import annotations

import base64
import io
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from operations.instruments.functions import StreamFunction

_tags = itertools.count(1)


class NoSuchKeyError(ClientError):
    """There is no such object."""

    def __init__(self, key: str) -> None:
        super().__init__({"Error": {"Code": "NoSuchKey", "Message": key}}, "GetObject")


@dataclass
class FakeS3:
    """A bucket's objects by name; each version has a tag of its own."""

    objects: dict[str, bytes] = field(default_factory=dict)
    exceptions = type("exceptions", (), {"NoSuchKey": NoSuchKeyError})

    def __post_init__(self) -> None:
        self._tags: dict[str, int] = {}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Any:  # noqa: N803
        return [self.list_objects_v2(Bucket, Prefix), {}]

    def list_objects_v2(self, Bucket: str, Prefix: str) -> Any:  # noqa: N803
        names = [name for name in sorted(self.objects) if name.startswith(Prefix)]
        return {"Contents": [{"Key": name, "ETag": f'"{self._tags.get(name, 0)}"'} for name in names]} if names else {}

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        if Key not in self.objects:
            raise NoSuchKeyError(Key)
        return {"Body": io.BytesIO(self.objects[Key]), **self.head_object(Bucket, Key)}

    def head_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        return {"ETag": f'"{self._tags.get(Key, 0)}"'}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[Key] = Body
        self._tags[Key] = next(_tags)

    def copy_object(self, Bucket: str, Key: str, CopySource: Any) -> None:  # noqa: N803
        self.put_object(Bucket, Key, self.objects[CopySource["Key"]])

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803
        self.objects.pop(Key, None)


@dataclass
class FakeLambda:
    """Mappings that take a look or two to change their state, and a function that does what `apply` says.

    `apply` gives the index of the first record that fails, or None. `on_state` is told of each change of state.
    """

    state: str = "Enabled"
    apply: Callable[[list[Any]], int | None] = lambda records: None
    on_state: Callable[[str], None] = lambda state: None
    logged: dict[str, Any] = field(default_factory=lambda: {"level": "ERROR", "reason": "the far end refuses"})
    error: Any = None
    invocations: int = 0
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
        self.invocations += 1
        records = json.loads(Payload)["Records"]
        failed = self.apply(records)
        if self.error is not None:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(self.error).encode())}
        failures = [] if failed is None else [{"itemIdentifier": _number(records[failed])}]
        return {
            "Payload": io.BytesIO(json.dumps({"batchItemFailures": failures}).encode()),
            "LogResult": base64.b64encode(f"START\n{json.dumps(self.logged)}\nEND".encode()).decode(),
        }


def function(lambda_: FakeLambda, s3: FakeS3, name: str = "ddbreplica_lambda") -> StreamFunction:
    return StreamFunction(name, ("a-mapping",), "failures", lambda_, s3)  # type: ignore[arg-type]  # stand for clients


def _number(record: Any) -> str:
    return str(record["kinesis"]["sequenceNumber"] if "kinesis" in record else record["dynamodb"]["SequenceNumber"])
