"""One table as the operations read it: its keys, its items segment by segment, single items by key."""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from operations.errors import OperationError
from operations.instruments import limits
from operations.instruments.items import key_attributes, key_of
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item, RawDynamoDB

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
MAX_GET_KEYS = 100
ATTEMPTS = 10


@dataclass(frozen=True)
class Table:
    """A table in the account and Region of its client."""

    dynamodb: RawDynamoDB
    name: str

    @cached_property
    def description(self) -> Mapping[str, Any]:
        """DescribeTable's answer at the first use. Raises OperationError when there is no such table."""
        client = self.dynamodb.client
        try:
            return client.describe_table(TableName=self.name)["Table"]
        except client.exceptions.ResourceNotFoundException:
            raise OperationError(
                f"there is no table `{self.name}` in {self.dynamodb.region} of this account. `aws dynamodb list-tables "
                f"--region {self.dynamodb.region}` lists those that there are."
            ) from None

    @cached_property
    def keys(self) -> list[str]:
        """The names of the key attributes, the partition key first."""
        schema = sorted(self.description["KeySchema"], key=lambda key: key["KeyType"] != "HASH")
        return [key["AttributeName"] for key in schema]

    @property
    def item_count(self) -> int:
        """About how many items there are: DynamoDB counts them every six hours.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html (ItemCount)
        """
        return int(self.description["ItemCount"])

    def pages(
        self, segment: int, segments: int, limit: RateLimit, start: Item | None = None, most: int | None = None
    ) -> Iterator[tuple[list[Item], Item | None]]:
        """The items of one of so many segments by strongly consistent reads, page by page; from after `start` on.

        A page has at most 1 MB, and at most `most` items. With each page comes its last key, None at the end.
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
        """
        request: dict[str, Any] = {
            "TableName": self.name,
            "ConsistentRead": True,
            "Segment": segment,
            "TotalSegments": segments,
            "ReturnConsumedCapacity": "TOTAL",
            **({"Limit": most} if most else {}),
        }
        while True:
            page = self.dynamodb.scan({**request, "ExclusiveStartKey": start} if start else request)
            start = page.get("LastEvaluatedKey")
            yield page.pop("Items"), start
            limit.spend(page.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0))
            if start is None:
                return

    def get(self, keys: Iterable[str]) -> dict[str, Item]:
        """The items that there are now for keys as `key_of` makes them, by key.

        A key that the table cannot hold has none. Raises OperationError when the table leaves keys unprocessed ten
        times.
        """
        found: dict[str, Item] = {}
        names, remaining = self.keys, filter(self.can_hold, keys)
        while batch := list(islice(remaining, MAX_GET_KEYS)):
            found.update(
                (key_of(item, names), item) for item in self._batch([key_attributes(key, names) for key in batch])
            )
        return found

    def can_hold(self, key: str) -> bool:
        """Whether the table could have an item of this key: DynamoDB refuses a request that names another."""
        types = {one["AttributeName"]: one["AttributeType"] for one in self.description.get("AttributeDefinitions", [])}
        attributes = key_attributes(key, self.keys).items()
        return all(
            len(value) == 1 and types.get(name, kind) == kind and limits.can_be_key(kind, text, most)
            for (name, value), most in zip(attributes, limits.MAX_KEY_BYTES, strict=False)
            for kind, text in value.items()
        )

    def _batch(self, keys: Sequence[Item]) -> Iterator[Item]:
        request: Mapping[str, Any] = {self.name: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(ATTEMPTS):
            answer = self.dynamodb.batch_get_item({"RequestItems": request})
            yield from answer["Responses"].get(self.name, [])
            request = answer.get("UnprocessedKeys", {})
            if not request:
                return
            time.sleep(random.uniform(0, min(5.0, 0.05 * 2**attempt)))
        raise OperationError(
            f"table `{self.name}` left keys unprocessed {ATTEMPTS} times: raise its read capacity, or try again later."
        )
