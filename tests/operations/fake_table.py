"""A table in memory, with the calls that the operations make; segments by the key's text, pages of a few items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from botocore.exceptions import ClientError

from operations.instruments.items import key_of
from operations.instruments.raw import Item
from operations.instruments.tables import Table

PAGE = 7


@dataclass
class FakeDynamoDB:
    """Items by key text. `left` says how many of the first items of a batch are left unprocessed, call by call.

    A batch with an item that `refuses` gives a reason for is refused as a whole, as DynamoDB does.
    """

    keys: tuple[str, ...] = ("PK",)
    types: dict[str, str] = field(default_factory=dict)
    refuses: Callable[[Item], str | None] = lambda _: None
    items: dict[str, Item] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)
    scans: int = 0
    salt: int = 0
    on_scan: Callable[[], None] = lambda: None
    region: str = "eu-west-1"

    @property
    def client(self) -> Any:
        return self

    exceptions = type("exceptions", (), {"ConditionalCheckFailedException": ClientError})

    def describe_table(self, TableName: str) -> Any:  # noqa: N803
        schema = [
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(self.keys, ("HASH", "RANGE"), strict=False)
        ]
        types = [{"AttributeName": name, "AttributeType": self.types.get(name, "S")} for name in self.keys]
        return {"Table": {"KeySchema": schema[::-1], "AttributeDefinitions": types, "ItemCount": len(self.items)}}

    def put(self, *items: Item) -> None:
        self.items.update((key_of(item, self.keys), item) for item in items)

    def scan(self, request: Any) -> Any:
        self.scans += 1
        of_segment = sorted(
            key for key in self.items if crc32(key.encode(), self.salt) % request["TotalSegments"] == request["Segment"]
        )
        start = request.get("ExclusiveStartKey")
        after = [key for key in of_segment if start is None or key > key_of(start, self.keys)]
        page = after[: min(PAGE, request.get("Limit", PAGE))]
        answer = {"Items": [self.items[key] for key in page], "ConsumedCapacity": {"CapacityUnits": 1.0}}
        if len(after) > len(page):
            answer["LastEvaluatedKey"] = {name: self.items[page[-1]][name] for name in self.keys}
        # What happens after the page was read, and before the reader has it.
        self.on_scan()
        return answer

    def batch_get_item(self, request: Any) -> Any:
        [(table, wanted)] = request["RequestItems"].items()
        keys = wanted["Keys"]
        assert len(keys) <= 100
        left = self.left.pop(0) if self.left else 0
        found = [self.items[key] for key in (key_of(one, self.keys) for one in keys[left:]) if key in self.items]
        unprocessed = {table: {**wanted, "Keys": keys[:left]}} if left else {}
        return {"Responses": {table: found}, "UnprocessedKeys": unprocessed}

    def batch_write_item(self, request: Any) -> Any:
        [(table, wanted)] = request["RequestItems"].items()
        keys = [key_of(one["PutRequest"]["Item"], self.keys) for one in wanted]
        assert len(wanted) <= 25
        assert len(set(keys)) == len(keys)
        if reason := next(filter(None, (self.refuses(one["PutRequest"]["Item"]) for one in wanted)), None):
            raise ClientError({"Error": {"Code": "ValidationException", "Message": reason}}, "BatchWriteItem")
        left = self.left.pop(0) if self.left else 0
        self.put(*(one["PutRequest"]["Item"] for one in wanted[left:]))
        return {"UnprocessedItems": {table: wanted[:left]} if left else {}}


def table(dynamodb: FakeDynamoDB, name: str = "logfile") -> Table:
    return Table(dynamodb, name)  # type: ignore[arg-type]


def rows(count: int, **attributes: Any) -> Iterator[Item]:
    return ({"PK": {"S": f"request#{number}"}, **attributes} for number in range(count))
