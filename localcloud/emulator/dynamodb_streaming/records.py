"""The change records that DynamoDB writes to Kinesis, and their partition keys.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def kinesis_record(table_name: str, change: Mapping[str, Any], precision: str, now_ns: int) -> dict[str, Any]:
    """The record of a change, as DynamoDB writes it to Kinesis.

    `change` is the change as a stream record with both images, `precision` MILLISECOND or MICROSECOND, `now_ns` the
    time in nanoseconds since the epoch. Only records in microseconds name their precision.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_EnableKinesisStreamingConfiguration.html
    """
    data = change["dynamodb"]
    images = {name: data[name] for name in ("NewImage", "OldImage") if name in data}
    micros = precision == "MICROSECOND"
    return {
        "awsRegion": change["awsRegion"],
        "eventID": _dashed(change["eventID"]),
        "eventName": change["eventName"],
        "userIdentity": change.get("userIdentity"),
        "recordFormat": "application/json",
        "tableName": table_name,
        "dynamodb": {
            "ApproximateCreationDateTime": now_ns // (1_000 if micros else 1_000_000),
            "Keys": data["Keys"],
            **images,
            "SizeBytes": data["SizeBytes"],
            **({"ApproximateCreationDateTimePrecision": precision} if micros else {}),
        },
        "eventSource": "aws:dynamodb",
    }


def _dashed(event_id: str) -> str:
    if "-" in event_id:
        return event_id
    return f"{event_id[:8]}-{event_id[8:12]}-{event_id[12:16]}-{event_id[16:20]}-{event_id[20:]}"


def partition_key(table_name: str, keys: Mapping[str, Any]) -> str:
    """The partition key of an item's changes: 32 hexadecimal digits, the same for every change of the item."""
    identity = json.dumps([table_name, keys], sort_keys=True).encode()
    return hashlib.md5(identity, usedforsecurity=False).hexdigest().upper()
