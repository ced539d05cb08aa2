"""Looks at the lanes and the backlogs of targets, and adds to them as the functions do."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from handlers.fan_out.backlog import Backlog, messages_of
from handlers.fan_out.contract import Message
from handlers.fan_out.lanes import LaneId
from handlers.fan_out.lanes_table import LanesTable
from operations.fan_out.platform import Platform

__all__ = ["Backlogs", "Behind", "messages_of"]

# Of a lane, looked at: an outage of a day with a batch each second has fewer.
MOST_ENTRIES = 100_000


class BotoCalls:
    """DynamoDB's client in the form in which the functions call it: requests and answers are its JSON."""

    def __init__(self, dynamodb: Any) -> None:
        self._dynamodb = dynamodb

    def call(self, operation: str, body: bytes) -> dict[str, Any]:
        """The answer to one request. Raises ClientError."""
        answer: dict[str, Any] = getattr(self._dynamodb, xform_name(operation))(**json.loads(body))
        return answer


class BucketObjects:
    """A bucket as the functions see it: handlers.fan_out.objects.Objects."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")

    def get(self, key: str) -> bytes | None:
        """An object's content; None when there is none."""
        try:
            body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return body

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects."""
        for key in keys:
            self._s3.delete_object(Bucket=self._bucket, Key=key)


@dataclass(frozen=True)
class Behind:
    """How far a target is behind on a source: since when (seconds since 1970), and what waits for it."""

    since_s: float
    shards: int
    entries: int
    messages: int
    size_bytes: int


@dataclass(frozen=True)
class Backlogs:
    """The backlogs of a platform."""

    platform: Platform

    def behind(self) -> dict[tuple[str, str], Behind]:
        """What is behind, by the ARN of the stream and the target's id; what changed just now may be missing."""
        found: dict[tuple[str, str], list[tuple[LaneId, float]]] = defaultdict(list)
        for lane, since_s in self._table.behind():
            found[lane.source, lane.target].append((lane, since_s))
        return {name: self._of_target(lanes) for name, lanes in found.items()}

    def append(self, lane: LaneId, messages: Sequence[Message]) -> None:
        """Put messages into a target's backlog, as the function on the source does; the drainer sends them."""
        self._backlog.lanes.append(self._backlog.store(lane, messages), falls=True)

    def _of_target(self, lanes: Sequence[tuple[LaneId, float]]) -> Behind:
        entries = [entry for lane, _ in lanes for entry in self._table.entries(lane, MOST_ENTRIES)]
        return Behind(
            since_s=min(since_s for _, since_s in lanes),
            shards=len(lanes),
            entries=len(entries),
            messages=sum(entry.messages for entry in entries),
            size_bytes=sum(entry.size_bytes for entry in entries),
        )

    @cached_property
    def _table(self) -> LanesTable:
        return LanesTable(self.platform.lanes_table, BotoCalls(self.platform.client("dynamodb")))

    @cached_property
    def _backlog(self) -> Backlog:
        objects = BucketObjects(self.platform.client("s3"), self.platform.bucket)
        return Backlog(self._table, objects)
