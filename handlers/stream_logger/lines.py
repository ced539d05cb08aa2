"""What is logged of a Kinesis record: where it is, when it arrived, its size; what it holds only on request."""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

__all__ = ["line_of"]

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def line_of(record: Mapping[str, Any], *, log_data: bool) -> str:
    """One line of JSON. `arrivalTime` is in seconds since 1970 or null, `sizeBytes` counts the data as it was put.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (example event)
    """
    kinesis = record["kinesis"]
    encoded = kinesis["data"]
    # AWS promises neither. https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html
    partition_key, arrival_s = kinesis.get("partitionKey"), kinesis.get("approximateArrivalTimestamp")
    # Written by hand, since this is all that the function does: the encoder takes three times as long. Only the
    # partition key can hold anything that JSON has to escape.
    line = (
        f'{{"shardId":"{record["eventID"].partition(":")[0]}","sequenceNumber":"{kinesis["sequenceNumber"]}",'
        f'"partitionKey":{"null" if partition_key is None else encode_basestring(partition_key)},'
        f'"arrivalTime":{"null" if arrival_s is None else repr(arrival_s)},'
        f'"sizeBytes":{len(encoded) // 4 * 3 - encoded.count("=", -2)}'
    )
    return f"{line},{_encode(_data(encoded))[1:]}" if log_data else line + "}"


def _data(encoded: str) -> dict[str, str]:
    """The data as text where it is text, else as it came: in base64."""
    try:
        return {"data": a2b_base64(encoded).decode()}
    except UnicodeDecodeError:
        return {"base64Data": encoded}
