"""What is logged of a Kinesis record: where it is, when it arrived, its size; what it holds only on request."""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any

__all__ = ["line_of"]

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def line_of(record: Mapping[str, Any], *, log_data: bool) -> str:
    """One line of JSON. `arrivalTime` is in seconds since 1970, `sizeBytes` counts the data as it was put.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (example event)
    """
    kinesis = record["kinesis"]
    encoded = kinesis["data"]
    line = {
        "shardId": record["eventID"].partition(":")[0],
        "sequenceNumber": kinesis["sequenceNumber"],
        "partitionKey": kinesis["partitionKey"],
        "arrivalTime": kinesis["approximateArrivalTimestamp"],
        "sizeBytes": len(encoded) // 4 * 3 - encoded.count("=", -2),
    }
    if log_data:
        line |= _data(encoded)
    return _encode(line)


def _data(encoded: str) -> dict[str, str]:
    """The data as text where it is text, else as it came: in base64."""
    try:
        return {"data": a2b_base64(encoded).decode()}
    except UnicodeDecodeError:
        return {"base64Data": encoded}
