"""The lanes in DynamoDB: the table of `LANES_TABLE`, with the hash key `source` and the range key `item`.

| item | attributes |
|---|---|
| `lane#<shard>#<target>` | `version`; while it is behind: `behind` ("1"), `since`, `after` |
| `entry#<shard>#<target>#<key>` | `object`, `count`, `bytes`, `putAt` |
| `lease#<target>` | `holder`, `until` |

The index `behind` (hash `behind`, with `since`) has the lanes that are behind, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from botocore.exceptions import ClientError

from handlers.fan_out.lanes import Entry, Lane, LaneId, Lease
from handlers.shared.transactions import CONDITION_FAILED, cancellation_reasons

__all__ = ["BEHIND_INDEX", "LanesTable"]

BEHIND_INDEX = "behind"

Item = Mapping[str, Any]


class Calls(Protocol):
    """See handlers.shared.json_calls.JsonCalls."""

    def call(self, operation: str, body: bytes) -> dict[str, Any]:
        """The answer to one request."""


class LanesTable:
    """See handlers.fan_out.lanes.Lanes. `calls` is DynamoDB's."""

    def __init__(self, name: str, calls: Calls) -> None:
        self._name = name
        self._calls = calls

    def of_shard(self, source: str, shard: str) -> dict[str, Lane]:
        items = self._query(source, f"lane#{shard}#")
        return {lane.id.target: lane for lane in map(_lane, items)}

    def behind_of(self, source: str, target: str) -> list[LaneId]:
        items = self._query(source, "lane#", FilterExpression="attribute_exists(behind)")
        return [lane for lane in (_lane_id(item) for item in items) if lane.target == target]

    def create(self, lane: Lane) -> bool:
        item = {**_key(_lane_key(lane.id)), "version": {"N": str(lane.version)}}
        if lane.behind:
            after = {shard: {"S": key} for shard, key in lane.after.items()}
            item |= {"behind": {"S": "1"}, "since": {"N": repr(lane.since_s)}, "after": {"M": after}}
        return self._if("PutItem", Item=item, ConditionExpression="attribute_not_exists(version)")

    def get(self, lane: LaneId) -> Lane | None:
        answer = self._call("GetItem", Key=_key(_lane_key(lane)), ConsistentRead=True)
        return _lane(answer["Item"]) if "Item" in answer else None

    def append(self, entry: Entry, falls: bool) -> bool:
        lane = {"TableName": self._name, "Key": _key(_lane_key(entry.lane)), "ExpressionAttributeNames": _VERSION}
        if falls:
            # An item that has expressions for names it does not use is refused, and so they differ.
            lane |= {
                "UpdateExpression": "SET #behind = :behind, #since = if_not_exists(#since, :now) ADD #version :one",
                "ExpressionAttributeNames": {**_VERSION, "#behind": "behind", "#since": "since"},
                "ExpressionAttributeValues": {":behind": {"S": "1"}, ":now": {"N": repr(entry.put_s)}, **_ONE},
            }
        else:
            lane |= {
                "UpdateExpression": "ADD #version :one",
                "ConditionExpression": "attribute_exists(behind)",
                "ExpressionAttributeValues": _ONE,
            }
        put = {"TableName": self._name, "Item": _entry_item(entry)}
        # An attempt whose answer was lost must not add the entry again, after it was delivered. The object's name is
        # the attempt's: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
        token = entry.object.rpartition("-")[2].removesuffix(".json")
        request = _json(TransactItems=[{"Put": put}, {"Update": lane}], ClientRequestToken=token)
        try:
            self._calls.call("TransactWriteItems", request)
        except ClientError as error:
            if CONDITION_FAILED in {code for code, _ in cancellation_reasons(error)}:
                return False
            raise
        return True

    def entries(self, lane: LaneId, most: int, newest: bool = False) -> Sequence[Entry]:
        items = self._query(lane.source, _entries_prefix(lane), most, ScanIndexForward=not newest)
        return [_entry(lane, item) for item in items]

    def remove(self, entry: Entry) -> bool:
        return self._if("DeleteItem", Key=_key(_entry_key(entry)), **_still(entry))

    def replace(self, entry: Entry, by: Entry) -> bool:
        return self._if("PutItem", Item=_entry_item(by._replace(key=entry.key)), **_still(entry))

    def release(self, lane: Lane) -> bool:
        return self._if(
            "UpdateItem",
            Key=_key(_lane_key(lane.id)),
            UpdateExpression="REMOVE #behind, #since, #after ADD #version :one",
            ConditionExpression="#version = :version AND attribute_exists(#behind)",
            ExpressionAttributeNames={**_VERSION, "#behind": "behind", "#since": "since", "#after": "after"},
            ExpressionAttributeValues={":version": {"N": str(lane.version)}, **_ONE},
        )

    def behind(self) -> Iterable[tuple[LaneId, float]]:
        pages = self._pages(
            IndexName=BEHIND_INDEX,
            KeyConditionExpression="behind = :behind",
            ExpressionAttributeValues={":behind": {"S": "1"}},
        )
        for item in pages:
            yield _lane_id(item), float(item["since"]["N"])

    def take(self, lease: Lease, now_s: float) -> bool:
        return self._if(
            "UpdateItem",
            Key=_key(_lease_key(lease)),
            UpdateExpression="SET #holder = :holder, #until = :until",
            ConditionExpression="attribute_not_exists(#holder) OR #holder = :holder OR #until < :now",
            ExpressionAttributeNames={"#holder": "holder", "#until": "until"},
            ExpressionAttributeValues={
                ":holder": {"S": lease.holder},
                ":until": {"N": repr(lease.until_s)},
                ":now": {"N": repr(now_s)},
            },
        )

    def give(self, lease: Lease) -> None:
        self._if(
            "DeleteItem",
            Key=_key(_lease_key(lease)),
            ConditionExpression="#holder = :holder",
            ExpressionAttributeNames={"#holder": "holder"},
            ExpressionAttributeValues={":holder": {"S": lease.holder}},
        )

    def _query(self, source: str, prefix: str, most: int | None = None, **asked: Any) -> Iterator[Item]:
        """The items of a source whose range keys begin so, `most` at the most."""
        condition = {
            "ConsistentRead": True,
            "KeyConditionExpression": "#source = :source AND begins_with(#item, :prefix)",
            "ExpressionAttributeNames": {"#source": "source", "#item": "item"},
            "ExpressionAttributeValues": {":source": {"S": source}, ":prefix": {"S": prefix}},
        }
        return self._pages(most, **condition, **asked)

    def _pages(self, most: int | None = None, **asked: Any) -> Iterator[Item]:
        found = 0
        while True:
            limit = {} if most is None else {"Limit": most - found}
            answer = self._call("Query", **asked, **limit)
            yield from answer["Items"]
            found += len(answer["Items"])
            if "LastEvaluatedKey" not in answer or found == most:
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _if(self, operation: str, **asked: Any) -> bool:
        """Whether a conditional write was made."""
        try:
            self._call(operation, **asked)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _call(self, operation: str, **asked: Any) -> dict[str, Any]:
        return self._calls.call(operation, _json(TableName=self._name, **asked))


_VERSION = {"#version": "version"}
_ONE = {":one": {"N": "1"}}


def _json(**asked: Any) -> bytes:
    return json.dumps(asked).encode()


def _key(key: tuple[str, str]) -> dict[str, Any]:
    source, item = key
    return {"source": {"S": source}, "item": {"S": item}}


def _lane_key(lane: LaneId) -> tuple[str, str]:
    return lane.source, f"lane#{lane.shard}#{lane.target}"


def _lease_key(lease: Lease) -> tuple[str, str]:
    return lease.source, f"lease#{lease.target}"


def _entries_prefix(lane: LaneId) -> str:
    return f"entry#{lane.shard}#{lane.target}#"


def _entry_key(entry: Entry) -> tuple[str, str]:
    return entry.lane.source, _entries_prefix(entry.lane) + entry.key


def _still(entry: Entry) -> dict[str, Any]:
    """The condition that an entry is what it was when it was read."""
    return {
        "ConditionExpression": "#object = :object",
        "ExpressionAttributeNames": {"#object": "object"},
        "ExpressionAttributeValues": {":object": {"S": entry.object}},
    }


def _entry_item(entry: Entry) -> dict[str, Any]:
    return {
        **_key(_entry_key(entry)),
        "object": {"S": entry.object},
        "count": {"N": str(entry.messages)},
        "bytes": {"N": str(entry.size_bytes)},
        "putAt": {"N": repr(entry.put_s)},
    }


def _lane_id(item: Item) -> LaneId:
    _, shard, target = item["item"]["S"].split("#", 2)
    return LaneId(item["source"]["S"], shard, target)


def _lane(item: Item) -> Lane:
    after = item.get("after", {}).get("M", {})
    return Lane(
        _lane_id(item),
        int(item["version"]["N"]),
        "behind" in item,
        float(item["since"]["N"]) if "since" in item else None,
        {shard: key["S"] for shard, key in after.items()},
    )


def _entry(lane: LaneId, item: Item) -> Entry:
    return Entry(
        lane,
        item["item"]["S"].removeprefix(_entries_prefix(lane)),
        item["object"]["S"],
        int(item["count"]["N"]),
        int(item["bytes"]["N"]),
        float(item["putAt"]["N"]),
    )
