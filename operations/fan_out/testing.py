"""Sends one marked record to a target through the platform's own function, and says what became of it."""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from handlers.fan_out.failures import TARGETS_PREFIX
from handlers.fan_out.rows import Item, stream_arn
from handlers.shared.places import Place
from operations.dialogue import Result
from operations.errors import OperationError
from operations.fan_out import showing
from operations.fan_out.options import AskedSource
from operations.fan_out.platform import Platform, Source, name_of, service_of
from operations.fan_out.rows import checked
from operations.instances import ONE_LONG_CALL
from operations.instruments.failures import number_of, shard_of
from operations.instruments.functions import logged_lines

MARK = "tributaryTest"
# No shard of a stream is called so.
SHARD = "shardId-test"
# What a line of the function's log counts, and what that means; the first that is not 0 is told.
COUNTS: Mapping[str, str] = {
    "Delivered": "delivered",
    "Poisoned": "refused for good",
    "Backlogged": "not taken, waits in the backlog",
}


@dataclass(frozen=True)
class Outcome:
    """What became of a record at a target; `well` says whether that is as it should be."""

    target: str
    source: str
    what: str
    well: bool


def test(platform: Platform, asked: AskedSource, target_id: str | None, data: str | None) -> Result:
    """Send a record to the target, or to each active one of the source. Raises OperationError."""
    if target_id is not None:
        items = [showing.item(platform, asked, target_id)]
    else:
        source = platform.source(asked.name, asked.arn, asked.service)
        items = [item for item in showing.rows_of(platform, source) if item.get("active", {}).get("BOOL")]
    if not items:
        raise OperationError("no target is active. `tributary fanout list` shows all; `activate` lets one get records.")
    mark = f"{MARK}-{uuid4().hex}"
    outcomes = [_sent(platform, item, mark, data) for item in items]
    lines = [f"{one.target} of {one.source}: {one.what}" for one in outcomes]
    ill = [one for one in outcomes if not one.well]
    failed = (
        f"{len(ill)} of {len(outcomes)} targets did not take it. Put right what the lines above say, and test again."
    )
    shown = {"mark": mark, "targets": [vars(one) for one in outcomes]}
    return Result(shown, "\n".join([f"The record is marked {mark}.", *lines]), failed if ill else None)


def _sent(platform: Platform, item: Item, mark: str, data: str | None) -> Outcome:
    target_id, arn = item["id"]["S"], item["sourceArn"]["S"]
    source = platform.source_of(arn)
    if source is None:
        return Outcome(target_id, name_of(arn), f"{arn} is none of the sources of {platform.file}", well=False)
    if wrong := showing.wrong_with(item):
        return Outcome(target_id, source.name, f"its row is wrong: {wrong}", well=False)
    record = _record(source, mark, data if data is not None else json.dumps({MARK: mark}))
    what, well = _became(platform, item, record)
    return Outcome(target_id, source.name, what, well)


def _became(platform: Platform, item: Item, record: Mapping[str, Any]) -> tuple[str, bool]:
    target_id = item["id"]["S"]
    event = {"Records": [record], "onlyTarget": target_id}
    answer = platform.at.client("lambda", ONE_LONG_CALL).invoke(
        FunctionName=platform.function, LogType="Tail", Payload=json.dumps(event).encode()
    )
    reply = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        return f"the function failed: {reply.get('errorMessage', reply) if isinstance(reply, dict) else reply}", False
    lines = list(logged_lines(answer))
    if reply and reply.get("batchItemFailures"):
        return f"the platform itself waits: {_reason(lines)}", False
    line = next((one for one in lines if one.get("Target") == target_id), {})
    found = next((what for name, what in COUNTS.items() if line.get(name)), None)
    if found is None:
        return _not_sent(item), bool(item.get("filter"))
    if found == COUNTS["Delivered"]:
        return found, True
    reason = _kept_reason(platform, target_id, record) if found == COUNTS["Poisoned"] else _reason(lines)
    return f"{found}: {reason}", False


def _not_sent(item: Item) -> str:
    if checked(item).row.filter:
        return "not sent: its filter does not let the record through; `--data` gives another one"
    return "not sent: the function does not know the target, or it is not active"


def _reason(lines: list[dict[str, Any]]) -> str:
    return next((str(line["reason"]) for line in lines if line.get("reason")), "the function's log group says why")


def _kept_reason(platform: Platform, target_id: str, record: Mapping[str, Any]) -> str:
    """Why the function keeps a record, as the object in the on-failure bucket says."""
    number, _ = number_of(record)
    key = Place(target_id, stream_arn(record["eventSourceARN"]), shard_of(record), number).key(TARGETS_PREFIX)
    kept = json.loads(platform.client("s3").get_object(Bucket=platform.bucket, Key=key)["Body"].read())
    return f"{kept['reason']} (s3://{platform.bucket}/{key})"


def _record(source: Source, mark: str, data: str) -> dict[str, Any]:
    """A record as Lambda passes it."""
    # So long are the numbers of each kind of stream, and later ones are greater.
    number = str(time.time_ns()).ljust(56 if service_of(source) == "kinesis" else 21, "0")
    common = {"awsRegion": source.arn.split(":")[3], "eventSourceARN": source.arn, "eventVersion": "1.0"}
    if service_of(source) == "kinesis":
        kinesis = {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": mark,
            "sequenceNumber": number,
            "data": base64.b64encode(data.encode()).decode(),
            "approximateArrivalTimestamp": time.time(),
        }
        named = {"eventSource": "aws:kinesis", "eventName": "aws:kinesis:record", "eventID": f"{SHARD}:{number}"}
        return {"kinesis": kinesis, **named, **common}
    key = {MARK: {"S": mark}}
    change = {
        "ApproximateCreationDateTime": time.time(),
        "Keys": key,
        "NewImage": {**key, "data": {"S": data}},
        "SequenceNumber": number,
        "SizeBytes": len(mark) + len(data),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    return {"dynamodb": change, "eventSource": "aws:dynamodb", "eventName": "INSERT", "eventID": mark, **common}
