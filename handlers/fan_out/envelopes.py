"""Puts metadata around a message's data: a CloudEvents 1.0 event in its JSON format.

    {"specversion": "1.0", "id": "shardId-000000000003:49590…", "source": "arn:aws:kinesis:…:stream/inputStream",
     "type": "com.amazonaws.kinesis.record", "time": "2026-11-22T10:00:00.000Z", "partitionkey": "user-7",
     "sequence": "49590…", "datacontenttype": "application/json", "data": {…}}

`id` is the same each time that the record is read. The type of a table's change ends in its event name:
`com.amazonaws.dynamodb.MODIFY`. Data that is not JSON is in `data_base64` instead of `data`.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/partitioning.md, …/sequence.md
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from json.encoder import encode_basestring as text

from handlers.fan_out.inputs import Input
from handlers.fan_out.json_text import object_of, text_of
from handlers.fan_out.rows import stream_arn

__all__ = ["enveloped"]


def enveloped(one: Input, data: bytes) -> bytes:
    """The event that tells of an input, around the data that was made of it."""
    return object_of(_members(one, data)).encode()


def _members(one: Input, data: bytes) -> Iterator[tuple[str, str]]:
    record = one.record
    kind = f"dynamodb.{record['eventName']}" if one.is_change else "kinesis.record"
    part = record["dynamodb" if one.is_change else "kinesis"]
    time_s = part.get("ApproximateCreationDateTime" if one.is_change else "approximateArrivalTimestamp")
    yield "specversion", '"1.0"'
    yield "id", text(one.id)
    yield "source", text(stream_arn(record["eventSourceARN"]))
    yield "type", text(f"com.amazonaws.{kind}")
    if time_s is not None:
        time = datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")
        yield "time", text(time.replace("+00:00", "Z"))
    yield "partitionkey", text(one.key)
    yield "sequence", text(one.sequence_number)
    try:
        document = text_of(data)
    except ValueError:
        yield "datacontenttype", '"application/octet-stream"'
        yield "data_base64", text(b64encode(data).decode())
    else:
        yield "datacontenttype", '"application/json"'
        yield "data", document
