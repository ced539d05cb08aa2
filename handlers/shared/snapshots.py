"""Makes change records of what a table holds, which never beat a newer change.

Such a record goes the way of every change, so that one function decides what reaches the lake, and in what form. It
says SNAPSHOT in place of INSERT, that it is not DynamoDB's (`eventSource`), and a time from which on the stream has
every change. An item read later than that time may be newer than it says: whatever changed it after that time is in the
stream, and is the same or newer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from handlers.shared.images import Image
from handlers.shared.put_records import MAX_RECORD_BYTES, Entry

__all__ = ["EVENT_SOURCE", "Snapshot", "entry_of"]

EVENT_SOURCE = "tributary:snapshot"


@dataclass(frozen=True)
class Snapshot:
    """Makes the records of a table's items as they are at `time_s`, in seconds since 1970."""

    table: str
    keys: Sequence[str]
    region: str
    time_s: float

    def of_item(self, item: Image) -> dict[str, Any]:
        """The record of an item that is there."""
        return self._record("SNAPSHOT", {name: item[name] for name in self.keys}, {"NewImage": item})

    def of_absence(self, key: Image) -> dict[str, Any]:
        """The record that there is no item of this key."""
        return self._record("REMOVE", key, {})

    def _record(self, event: str, key: Image, images: dict[str, Image]) -> dict[str, Any]:
        time_us = int(self.time_s * 1_000_000)
        return {
            "awsRegion": self.region,
            # The same for the same item of the same snapshot, however often it is put.
            "eventID": f"snapshot-{time_us}-{_digest(key)}",
            "eventName": event,
            "userIdentity": None,
            "recordFormat": "application/json",
            "tableName": self.table,
            "dynamodb": {
                "ApproximateCreationDateTime": time_us,
                "Keys": key,
                **images,
                "ApproximateCreationDateTimePrecision": "MICROSECOND",
            },
            "eventSource": EVENT_SOURCE,
        }


def entry_of(record: dict[str, Any]) -> Entry:
    """A record as Kinesis takes it; its partition key is the same for every record of an item.

    Raises ValueError when Kinesis does not take a record of this size.
    """
    data = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) > MAX_RECORD_BYTES:
        raise ValueError(f"makes a record of {len(data)} bytes, and Kinesis takes 1 MiB")
    return {"Data": data, "PartitionKey": _digest(record["dynamodb"]["Keys"])}


def _digest(key: Image) -> str:
    return md5(json.dumps(key, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
