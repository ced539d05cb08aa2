"""DynamoDB's Kinesis streaming destination: records in AWS's shape, one partition key for all changes of an item.

AWS promises neither order nor uniqueness; both can be spoiled by the faults `reorder` and `duplicate` of `kinesis`
`PutRecords` on the stream. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html
"""

import json
import time
from collections.abc import Callable
from typing import Any

from localcloud.emulator.dynamodb_streaming import enabling, writing
from localcloud.emulator.dynamodb_streaming.records import kinesis_record, partition_key
from localcloud.emulator.patching import replaces
from localcloud.emulator.resetting import on_reset

MODULE = "ministack.services.dynamodb"


def install() -> None:
    from ministack.services import dynamodb

    on_reset(writing.forget)

    @replaces(MODULE, "_fan_out_to_kinesis", source="966528d6747a")
    def fan_out(_original: object, table_name: str, change: dict[str, Any]) -> None:
        images = change["dynamodb"]
        if change["eventName"] == "MODIFY" and images.get("OldImage") == images.get("NewImage"):
            return  # nothing was changed
        key, now_ns = partition_key(table_name, images["Keys"]), time.time_ns()
        for destination in dynamodb._kinesis_destinations.get(table_name, []):
            if destination["DestinationStatus"] == "ACTIVE":
                precision = destination.get("ApproximateCreationDateTimePrecision", "MILLISECOND")
                record = kinesis_record(table_name, change, precision, now_ns)
                writing.write(destination["StreamArn"], key, json.dumps(record, separators=(",", ":")).encode())

    @replaces(MODULE, "_enable_kinesis_streaming_destination", source="80e5ff609777")
    def enable(original: Callable[[dict[str, Any]], enabling.Answer], data: dict[str, Any]) -> enabling.Answer:
        table = dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))
        return (enabling.refusal(data) if table is not None else None) or original(data)
