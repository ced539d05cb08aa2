"""DynamoDB's Kinesis streaming destination: records in AWS's shape, one partition key for all changes of an item.

AWS promises neither order nor uniqueness; both can be spoiled by the faults `reorder` and `duplicate` of `kinesis`
`PutRecords` on the stream. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import error_response_json, get_account_id, get_region

from localcloud.emulator import faults, kinesis
from localcloud.emulator.authorization import AccessDenied, require
from localcloud.emulator.callers import caller
from localcloud.emulator.kinesis.streams import put
from localcloud.emulator.patching import replaces
from localcloud.emulator.resetting import on_reset

MODULE = "ministack.services.dynamodb"
Answer = tuple[int, dict[str, str], bytes]

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds_iam.html
_ENABLING_ACTIONS = ("kinesis:PutRecords", "kinesis:DescribeStream")

# How long a record that is to be reordered may be held back, in seconds, and how many at a time.
LONGEST_HOLD_S = 0.5
MAX_HELD = 100

_lock = threading.Lock()
_held: set[threading.Timer] = set()


def kinesis_record(table_name: str, change: Mapping[str, Any], precision: str, now_ns: int) -> dict[str, Any]:
    """The record of a change, as DynamoDB writes it to Kinesis.

    `change` is the change as a stream record with both images, `precision` MILLISECOND or MICROSECOND, `now_ns` the
    time in nanoseconds since the epoch. Only records in microseconds name their precision.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_EnableKinesisStreamingConfiguration.html
    """
    from ministack.services import dynamodb

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
            "SizeBytes": sum(dynamodb._item_size_bytes(part) for part in (data["Keys"], *images.values())),
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


def _deliver(stream_arn: str, key: str, data: bytes) -> None:
    """Put a record into the stream, twice or later when a fault says so. A stream that is gone gets nothing."""
    account_id = stream_arn.split(":")[4]
    try:
        if faults.due("duplicate", account_id, "kinesis", "PutRecords", stream_arn) is not None:
            put(stream_arn, key, data)
        reorder = faults.due("reorder", account_id, "kinesis", "PutRecords", stream_arn)
        if reorder is None or not _hold(stream_arn, key, data, reorder.random.uniform(0.05, LONGEST_HOLD_S)):
            put(stream_arn, key, data)
    except kinesis.StreamNotFoundError:
        return


def _hold(stream_arn: str, key: str, data: bytes, hold_s: float) -> bool:
    """Put a record later, so that others overtake it; False when too many are held back already."""

    def release() -> None:
        with _lock:
            _held.discard(timer)
        try:
            put(stream_arn, key, data)
        except kinesis.StreamNotFoundError:
            return

    timer = threading.Timer(hold_s, release)
    timer.daemon = True
    with _lock:
        if len(_held) >= MAX_HELD:
            return False
        _held.add(timer)
    timer.start()
    return True


def _forget_held() -> None:
    with _lock:
        timers = list(_held)
        _held.clear()
    for timer in timers:
        timer.cancel()


def _refused(data: Mapping[str, Any]) -> Answer | None:
    """Why a stream cannot be the table's destination: it has to exist in the table's account and Region.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds_gettingstarted.html
    """
    stream_arn = str(data.get("StreamArn", ""))
    try:
        spec = parse_arn(stream_arn)
    except ArnParseError:
        return _error("ValidationException", f"Invalid StreamArn: {stream_arn}")
    if (spec.service, spec.account_id, spec.region) != ("kinesis", get_account_id(), get_region()):
        return _error(
            "ValidationException",
            f"The Kinesis stream {stream_arn} must be in the same account and Region as the table "
            f"({get_account_id()}, {get_region()}).",
        )
    try:
        for action in _ENABLING_ACTIONS:
            require(caller(), action, stream_arn, region=spec.region)
    except AccessDenied as denied:
        return _error("AccessDeniedException", str(denied))
    try:
        kinesis.shards(stream_arn)
    except kinesis.StreamNotFoundError:
        return _error(
            "ResourceNotFoundException", f"Requested resource not found: Kinesis stream {stream_arn} not found"
        )
    return None


def _error(code: str, message: str) -> Answer:
    answer: Answer = error_response_json(code, message, 400)
    return answer


def install() -> None:
    from ministack.services import dynamodb

    on_reset(_forget_held)

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
                _deliver(destination["StreamArn"], key, json.dumps(record, separators=(",", ":")).encode())

    @replaces(MODULE, "_enable_kinesis_streaming_destination", source="80e5ff609777")
    def enable(original: Callable[[dict[str, Any]], Answer], data: dict[str, Any]) -> Answer:
        table = dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))
        return (_refused(data) if table is not None else None) or original(data)
