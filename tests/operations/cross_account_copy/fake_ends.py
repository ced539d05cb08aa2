"""Stands for the services at both ends of a copy: a stream, tables with the keys of a copy, a bucket."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from fake_streams import FakeS3

from operations.cross_account_copy.expecting import KEY_NAMES, StreamRecord
from operations.instruments.items import key_of
from operations.instruments.raw import Item

__all__ = ["ARRIVAL", "FakeDynamoDB", "FakeKinesis", "FakeS3", "failed_object", "record"]

ARRIVAL = datetime(2026, 11, 18, 12, tzinfo=UTC)
PAGE = 3


@dataclass
class FakeKinesis:
    """Shards of records; an iterator is the shard and a place in it. A page has three records."""

    shards: dict[str, list[StreamRecord]]
    requests: list[dict[str, Any]] = field(default_factory=list)

    exceptions = type("exceptions", (), {"ResourceNotFoundException": KeyError})

    def describe_stream_summary(self, StreamName: str) -> Any:  # noqa: N803
        if StreamName != "clicks":
            raise KeyError(StreamName)
        return {
            "StreamDescriptionSummary": {
                "RetentionPeriodHours": 24,
                "StreamCreationTimestamp": datetime(2026, 1, 1, tzinfo=UTC),
            }
        }

    def list_shards(self, **request: str) -> Any:
        """A shard a page; a request has the stream's name or the next page's token, as the API wants it."""
        [(member, value)] = request.items()
        assert member == "NextToken" or value == "clicks"
        place, names = int(value) if member == "NextToken" else 0, list(self.shards)
        more = {"NextToken": str(place + 1)} if place + 1 < len(names) else {}
        return {"Shards": [{"ShardId": name} for name in names[place : place + 1]], **more}

    def get_shard_iterator(self, **request: Any) -> Any:
        self.requests.append(request)
        records = self.shards[request["ShardId"]]
        starts = {
            "TRIM_HORIZON": lambda record: True,
            "AT_TIMESTAMP": lambda record: record.arrival_s >= request["Timestamp"].timestamp(),
            "AT_SEQUENCE_NUMBER": lambda record: record.sequence_number == request["StartingSequenceNumber"],
        }[request["ShardIteratorType"]]
        place = next((place for place, record in enumerate(records) if starts(record)), len(records))
        return {"ShardIterator": f"{request['ShardId']} {place}"}

    def get_records(self, ShardIterator: str, Limit: int) -> Any:  # noqa: N803
        name, _, place = ShardIterator.partition(" ")
        records, end = self.shards[name], int(place) + PAGE
        return {
            "Records": [
                {
                    "SequenceNumber": record.sequence_number,
                    "Data": record.data,
                    **(
                        {}
                        if record.arrival_s is None
                        else {"ApproximateArrivalTimestamp": datetime.fromtimestamp(record.arrival_s, UTC)}
                    ),
                }
                for record in records[int(place) : end]
            ],
            "NextShardIterator": f"{name} {end}",
            "MillisBehindLatest": 0 if end >= len(records) else 1000,
        }


@dataclass
class FakeDynamoDB:
    """One table in memory, with the keys of a copy. What `late` has comes with the next read of single items."""

    items: dict[str, Item] = field(default_factory=dict)
    late: list[Item] = field(default_factory=list)
    region: str = "eu-west-1"
    keys: tuple[str, ...] = KEY_NAMES

    @property
    def client(self) -> Any:
        return self

    exceptions = type("exceptions", (), {"ResourceNotFoundException": KeyError})

    def describe_table(self, TableName: str) -> Any:  # noqa: N803
        schema = [
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(self.keys, ("HASH", "RANGE"), strict=True)
        ]
        stream = f"arn:aws:dynamodb:eu-west-1:999999999999:table/{TableName}/stream/2026-11-22T10:00:00.000"
        on_demand = {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}
        return {"Table": {"KeySchema": schema, "ItemCount": len(self.items), "LatestStreamArn": stream, **on_demand}}

    def put(self, *items: Item) -> None:
        self.items.update((key_of(item, self.keys), item) for item in items)

    def put_item(self, request: Any) -> Any:
        self.put(request["Item"])
        return {}

    def delete_item(self, request: Any) -> Any:
        """With conditions of the form `#name = :value AND …`."""
        key = key_of(request["Key"], self.keys)
        for condition in filter(None, request.get("ConditionExpression", "").split(" AND ")):
            name, value = condition.split(" = ")
            wanted = request["ExpressionAttributeValues"][value]
            if self.items.get(key, {}).get(request["ExpressionAttributeNames"][name]) != wanted:
                raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "DeleteItem")
        self.items.pop(key, None)
        return {}

    def query(self, request: Any) -> Any:
        values = {name: value["S"] for name, value in request["ExpressionAttributeValues"].items()}
        names = request["ExpressionAttributeNames"]
        found = [
            item
            for item in self.items.values()
            if item[names["#partition"]]["S"] == values[":partition"]
            and values[":first"] <= item[names["#sort"]]["S"] <= values[":last"]
        ]
        return {"Items": found, "ConsumedCapacity": {"CapacityUnits": 0.5}}

    def scan(self, request: Any) -> Any:
        found = list(self.items.values()) if request["Segment"] == 0 else []
        return {"Items": found, "ConsumedCapacity": {"CapacityUnits": 1.0}}

    def batch_get_item(self, request: Any) -> Any:
        [(table, wanted)] = request["RequestItems"].items()
        found = [self.items[key] for key in (key_of(one, self.keys) for one in wanted["Keys"]) if key in self.items]
        while self.late:
            self.put(self.late.pop())
        return {"Responses": {table: found}, "UnprocessedKeys": {}}


def record(number: int, data: bytes = b'{"n": 1}', shard: str = "shardId-000000000001") -> StreamRecord:
    """A record that arrived so many seconds after the first one."""
    return StreamRecord(shard, f"{4957 * 10**52 + number * 10}", ARRIVAL.timestamp() + number, data)


def failed_object(function: str, *records: Any) -> bytes:
    """An object of an on-failure bucket."""
    arn = f"arn:aws:lambda:eu-west-1:111111111111:function:{function}:$LATEST"
    payload = json.dumps({"Records": records})
    return json.dumps({"requestContext": {"functionArn": arn}, "payload": payload}).encode()
