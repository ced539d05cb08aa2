"""Builds the events that Lambda passes to stream functions.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html, https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

ARRIVAL_S = 1_795_000_000.0  # a Wednesday of the ISO week 2026-W47
SHARD = "shardId-000000000003"
STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/web-analytics"
TABLE_STREAM = "arn:aws:dynamodb:eu-west-1:999999999999:table/copies/stream/2026-11-22T10:00:00.000"


def sequence_number(index: int) -> str:
    """56 digits, as on AWS."""
    return f"49590338271490256608559692538361571095921575989136{index:06}"


def kinesis_event(payloads: Iterable[bytes], arrival_s: float = ARRIVAL_S) -> dict[str, Any]:
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": sequence_number(index),
                    "data": base64.b64encode(payload).decode(),
                    "approximateArrivalTimestamp": arrival_s,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{SHARD}:{sequence_number(index)}",
                "eventName": "aws:kinesis:record",
                "awsRegion": "eu-west-1",
                "eventSourceARN": STREAM,
            }
            for index, payload in enumerate(payloads)
        ]
    }


def json_event(*documents: object) -> dict[str, Any]:
    return kinesis_event(json.dumps(document).encode() for document in documents)


def table_event(*changes: tuple[str, dict[str, Any] | None]) -> dict[str, Any]:
    """Records of a table's stream: each change is an event name and the new image, None for a removal."""
    return {
        "Records": [
            {
                "eventID": str(index),
                "eventName": name,
                "eventSource": "aws:dynamodb",
                "eventSourceARN": TABLE_STREAM,
                "dynamodb": {
                    "ApproximateCreationDateTime": ARRIVAL_S,
                    "SequenceNumber": sequence_number(index),
                    "SizeBytes": 100,
                    **({} if image is None else {"NewImage": image}),
                },
            }
            for index, (name, image) in enumerate(changes)
        ]
    }


def inserted(*images: dict[str, Any]) -> dict[str, Any]:
    return table_event(*(("INSERT", image) for image in images))


def failed_at(index: int) -> dict[str, list[dict[str, str]]]:
    """The reply that makes Lambda resume at the record of this index."""
    return {"batchItemFailures": [{"itemIdentifier": sequence_number(index)}]}


DONE: dict[str, list[dict[str, str]]] = {"batchItemFailures": []}
