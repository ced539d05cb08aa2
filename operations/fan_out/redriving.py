"""Redrives what targets never took: messages go to the backlog once more, records to the function for a target alone.

targets/<target id>/<source>/<shard>/…   kept by the functions; handlers/fan_out/failures.py has the form
redriven/targets/…                       what was redriven
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from handlers.fan_out.contract import Message
from handlers.fan_out.failures import TARGETS_PREFIX
from handlers.fan_out.lanes import LaneId
from operations.dialogue import Dialogue, Result
from operations.fan_out.backlogs import Backlogs, messages_of
from operations.fan_out.platform import Platform
from operations.instances import ONE_LONG_CALL
from operations.instruments.failures import DAMAGE
from operations.instruments.redriving import archive


@dataclass(frozen=True)
class Kept:
    """An object of the on-failure bucket: `messages` as the target would have got them, else the `records`."""

    key: str
    lane: LaneId
    kind: str
    reason: str
    messages: Sequence[Message]
    records: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """What became of an object; `reason` says why it stays where it is, None when it does not."""

    kept: Kept
    reason: str | None = None


def counted(platform: Platform, target_id: str | None = None) -> Counter[str]:
    """How many objects are kept, by target."""
    return Counter(key.split("/")[1] for key in _keys(platform, target_id))


def redrive(platform: Platform, target_id: str | None, command: str, dialogue: Dialogue) -> Result:
    """Redrive what is kept of a target, or of all; `command` is what to type again. Raises OperationError."""
    keys = list(_keys(platform, target_id))
    of_targets = Counter(key.split("/")[1] for key in keys)
    if not keys:
        return Result({"redriven": {}, "left": []}, "Nothing to redrive.")
    for name, count in sorted(of_targets.items()):
        dialogue.say(f"{name}: {count} objects in `{platform.bucket}` go to the target once more.")
    dialogue.confirm("Redrive?")
    outcomes = []
    for outcome in _outcomes(platform, keys):
        outcomes.append(outcome)
        if outcome.reason is not None:
            dialogue.say(f"{outcome.kept.key} left where it is: {outcome.reason}")
    return _result(outcomes, command)


def _outcomes(platform: Platform, keys: Iterable[str]) -> Iterator[Outcome]:
    s3, backlogs = platform.client("s3"), Backlogs(platform)
    for key in keys:
        try:
            kept, tag = _read(s3, platform.bucket, key)
        except DAMAGE as error:
            yield Outcome(Kept(key, LaneId("", "", ""), "", "", (), ()), f"it is not of this kind ({error!r})")
            continue
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            continue
        reason = None
        if kept.messages:
            backlogs.append(kept.lane, kept.messages)
            _wake_drainer(platform, kept.lane)
        else:
            reason = _handed_over(platform, kept)
        if reason is None and _tag(s3, platform.bucket, key) != tag:
            # The function has kept it anew under the same name.
            reason = _read(s3, platform.bucket, key)[0].reason
        if reason is None:
            archive(s3, platform.bucket, key)
        yield Outcome(kept, reason)


def _wake_drainer(platform: Platform, lane: LaneId) -> None:
    """As the function on the source does; what it does not see now the next sweep does."""
    payload = json.dumps({"drain": lane._asdict()}).encode()
    platform.client("lambda").invoke(FunctionName=platform.drainer, InvocationType="Event", Payload=payload)


def _handed_over(platform: Platform, kept: Kept) -> str | None:
    """Invokes the function with the records, for the target alone; why it did not do with them, None when it did."""
    event = {"Records": list(kept.records), "onlyTarget": kept.lane.target}
    client = platform.at.client("lambda", ONE_LONG_CALL)
    answer = client.invoke(FunctionName=platform.function, Payload=json.dumps(event).encode())
    reply = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        told = reply.get("errorMessage", reply) if isinstance(reply, dict) else reply
        return f"the function failed: {told}"
    if isinstance(reply, dict) and reply.get("batchItemFailures"):
        return "the function could not do with it yet; its log group says why"
    return None


def _keys(platform: Platform, target_id: str | None) -> Iterator[str]:
    prefix = TARGETS_PREFIX if target_id is None else f"{TARGETS_PREFIX}{target_id}/"
    pages = platform.client("s3").get_paginator("list_objects_v2").paginate(Bucket=platform.bucket, Prefix=prefix)
    return (entry["Key"] for page in pages for entry in page.get("Contents", []))


def _read(s3: Any, bucket: str, key: str) -> tuple[Kept, str]:
    found = s3.get_object(Bucket=bucket, Key=key)
    content = json.loads(found["Body"].read())
    lane = LaneId(content["source"], content["shard"], content["target"])
    messages = messages_of(content.get("messages", ()))
    records = json.loads(content["payload"])["Records"] if not messages else ()
    return Kept(key, lane, content["errorKind"], content["reason"], messages, records), found["ETag"]


def _tag(s3: Any, bucket: str, key: str) -> str:
    return str(s3.head_object(Bucket=bucket, Key=key)["ETag"])


def _result(outcomes: Sequence[Outcome], command: str) -> Result:
    left = [one for one in outcomes if one.reason is not None]
    done = Counter(one.kept.lane.target for one in outcomes if one.reason is None)
    shown = {"redriven": dict(done), "left": [{"object": one.kept.key, "reason": one.reason} for one in left]}
    text = (
        f"{done.total()} of {len(outcomes)} objects are redriven; the drainer sends what is in backlogs within a "
        "minute, or as soon as its target takes it."
    )
    failed = f"{len(left)} objects cannot be redriven yet. Put right what the lines above say, then `{command}`."
    return Result(shown, text, failed if left else None)
