"""The fake of AWS with what the replicator calls: batches with deletes, transactions on an item and its position."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from fake_aws import FakeAws, Item, Refusal, _refuse, _reply
from stream_events import ARRIVAL_S

REPLICA, POSITIONS = "logfile_replica", "logfile_replica-positions"
STREAM = "arn:aws:dynamodb:eu-west-1:444444444444:table/logfile/stream/2026-11-22T10:00:00.000"
Write = tuple[str, Item | None]


@dataclass
class FakeReplica(FakeAws):
    """Items by the text of their key attributes, which are `keys`."""

    keys: tuple[str, ...] = ("PK",)
    # How many actions a transaction may have before it is throttled, and how: as a refusal, or by its reasons.
    most_actions: tuple[int, Refusal | None] = (100, None)

    def replica(self) -> dict[tuple[str, ...], Item]:
        return self.tables[REPLICA]  # type: ignore[return-value]

    def _key(self, item: Item) -> Any:
        return tuple(json.dumps(item[name]) for name in self.keys)

    def _BatchWriteItem(  # noqa: N802
        self, request: AWSPreparedRequest, parameters: Any, failed: tuple[int, ...]
    ) -> AWSResponse:
        [(table, wanted)] = parameters["RequestItems"].items()
        writes = [(_target(one), one) for one in wanted]
        keys = [self._key(attributes) for (_, attributes), _ in writes]
        assert 1 <= len(writes) <= 25
        if len(set(keys)) < len(keys):
            return _refuse(request, Refusal("ValidationException", message="list of item keys contains duplicates"))
        if any(kind == "put" and self.invalid(attributes) for (kind, attributes), _ in writes):
            return _refuse(request, Refusal("ValidationException"))
        left: dict[str, list[Any]] = defaultdict(list)
        for index, ((kind, attributes), one) in enumerate(writes):
            if index in failed:
                left[table].append(one)
            elif kind == "put":
                self.tables[table][self._key(attributes)] = attributes
            else:
                assert set(attributes) == set(self.keys)
                self.tables[table].pop(self._key(attributes), None)
        return _reply(request, 200, json.dumps({"UnprocessedItems": left}).encode())

    def _TransactWriteItems(  # noqa: N802
        self, request: AWSPreparedRequest, parameters: Any, failed: tuple[int, ...]
    ) -> AWSResponse:
        actions = [next(iter(one.items())) for one in parameters["TransactItems"]]
        assert 1 <= len(actions) <= 100
        most, throttled = self.most_actions
        if len(actions) > most and throttled:
            return _refuse(request, throttled)
        codes = [self._verdict(*action) for action in actions]
        if len(actions) > most:
            codes = ["ProvisionedThroughputExceeded" if code == "None" else code for code in codes]
        for index in failed:
            codes[index * 2 % len(codes)] = "TransactionConflict"
        if set(codes) != {"None"}:
            body = {
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": f"Transaction cancelled, please refer cancellation reasons for specific reasons {codes}",
                "CancellationReasons": [{"Code": code, "Message": "told to fail"} for code in codes],
            }
            return _reply(request, 400, json.dumps(body).encode())
        for kind, action in actions:
            if kind == "Put":
                self.tables[action["TableName"]][self._key(action["Item"])] = action["Item"]
            else:
                self.tables[action["TableName"]].pop(self._key(action["Key"]), None)
        return _reply(request, 200, b"{}")

    def _verdict(self, kind: str, action: Mapping[str, Any]) -> str:
        if kind == "Delete":
            return "None"
        if self.invalid(action["Item"]) and "ConditionExpression" not in action:
            return "ValidationError"
        held = self.tables[action["TableName"]].get(self._key(action["Item"]))
        if "ConditionExpression" in action and held:
            [name] = action["ExpressionAttributeNames"].values()
            if held[name]["S"] > action["ExpressionAttributeValues"][":position"]["S"]:
                return "ConditionalCheckFailed"
        return "None"


def _target(request: Mapping[str, Any]) -> tuple[str, Item]:
    if "PutRequest" in request:
        return "put", request["PutRequest"]["Item"]
    return "delete", request["DeleteRequest"]["Key"]


def stream_event(writes: Iterable[Write], keys: tuple[str, ...] = ("PK",), first: int = 0) -> dict[str, Any]:
    """The stream's records of these writes: (partition key, item) for a put, (partition key, None) for a delete."""
    return {"Records": [stream_record(index, key, item, keys) for index, (key, item) in enumerate(writes, first)]}


def stream_record(index: int, key: str, item: Item | None, names: tuple[str, ...] = ("PK",)) -> dict[str, Any]:
    """The stream's record of one write, whose sequence number grows with `index`."""
    attributes = {name: {"S": key} for name in names}
    return {
        "eventID": str(index),
        "eventName": "REMOVE" if item is None else "MODIFY",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": STREAM,
        "dynamodb": {
            "ApproximateCreationDateTime": ARRIVAL_S,
            "SequenceNumber": number(index),
            "Keys": attributes,
            **({} if item is None else {"NewImage": {**attributes, **item}}),
        },
    }


def number(index: int) -> str:
    """A sequence number; some are a digit longer than others."""
    return f"{9_999_999_999_999_999_999_990 + index}"


def failed_at(index: int) -> dict[str, list[dict[str, str]]]:
    """The reply that makes Lambda resume at the record of this index."""
    return {"batchItemFailures": [{"itemIdentifier": number(index)}]}
