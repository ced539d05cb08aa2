"""The tables of a copy as one: a single table, or one for each week."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from operations.cross_account_copy.expecting import KEY_NAMES, Key, hash_of
from operations.cross_account_copy.stream import Window
from operations.instruments.comparing import ITEMS_PER_SEGMENT, LEAST_SEGMENTS, MOST_SEGMENTS, PAGE_ITEMS, THREADS
from operations.instruments.items import key_of
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item
from operations.instruments.tables import Table

# Told the table's name and items of it.
OnPage = Callable[[str, list[Item]], None]


class Tables:
    """Tables with the keys of a copy, by name. `limit` bounds the read units a second of all of them.

    Keys are as `key_of` makes them; a placed key has the table's name before it.
    """

    def __init__(self, tables: Iterable[Table], limit: RateLimit, segments: int | None = None) -> None:
        self._tables = {table.name: table for table in tables}
        self._limit = limit
        self._segments = segments

    def of(self, table: Table) -> "Tables":
        """Another table, read within the same limit."""
        return Tables([table], self._limit, self._segments)

    @property
    def name(self) -> str:
        """The names of all tables."""
        return ", ".join(self._tables)

    @property
    def item_count(self) -> int:
        """About how many items there are. Raises OperationError when there is no such table."""
        return sum(table.item_count for table in self._tables.values())

    def get(self, placed_keys: Iterable[str]) -> dict[str, Item]:
        """The items that there are now, by placed key."""
        keys: dict[str, list[str]] = {}
        for name, key in map(split, placed_keys):
            keys.setdefault(name, []).append(key)
        return {
            placed(name, key): item
            for name in self._tables
            for key, item in self._get(name, keys.get(name, [])).items()
        }

    def find(self, keys: Iterable[str]) -> dict[str, Item]:
        """The items that there are now in whichever table, by key."""
        keys = list(keys)
        return {key: item for name in self._tables for key, item in self._get(name, keys).items()}

    @property
    def names(self) -> Iterable[str]:
        """The names of the tables."""
        return self._tables.keys()

    def named(self, name: str) -> Table:
        """The table of this name."""
        return self._tables[name]

    def get_placed(self, placed_keys: Iterable[str]) -> dict[str, tuple[Table, Item]]:
        """The items that there are now with their tables, by placed key."""
        return {key: (self._tables[split(key)[0]], item) for key, item in self.get(placed_keys).items()}

    def find_placed(self, keys: Iterable[str]) -> dict[str, tuple[Table, Item]]:
        """The items that there are now in whichever table, with that, by key."""
        keys = list(keys)
        return {
            key: (table, item) for table in self._tables.values() for key, item in self._get(table.name, keys).items()
        }

    def scan(self, on_page: OnPage) -> None:
        """Every item, page by page with its table's name; from several threads."""
        work = [
            (table, segment, segments)
            for table in self._tables.values()
            for segments in [self._segments or segments_of(table)]
            for segment in range(segments)
        ]

        def read(table: Table, segment: int, segments: int) -> None:
            for page, _ in table.pages(segment, segments, self._limit, most=PAGE_ITEMS):
                on_page(table.name, page)

        with ThreadPoolExecutor(THREADS) as threads:
            deque(threads.map(lambda one: read(*one), work), maxlen=0)

    def between(self, windows: Sequence[Window], on_page: OnPage) -> None:
        """The items that say to be of a shard and of a record in its window, page by page; from several threads.

        What belongs to a shard is spread over a hundred partition keys. As text, sequence numbers are in their order
        while they have the same number of digits, as those of one shard do; an item that was not found for this reason
        is found when its key is looked at.
        """
        # The last digit of a sequence number does not count.
        work = [
            (table, hash_of(window.shard_id, f"{digits:02}0"), window)
            for table in self._tables.values()
            for window in windows
            for digits in range(100)
        ]

        def read(table: Table, partition_key: str, window: Window) -> None:
            self._query(table, partition_key, window, on_page)

        with ThreadPoolExecutor(THREADS) as threads:
            deque(threads.map(lambda one: read(*one), work), maxlen=0)

    def _get(self, name: str, keys: Sequence[str]) -> dict[str, Item]:
        # A consistent read of an item of up to 4 KB takes one unit, also when there is no such item.
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
        self._limit.spend(len(keys))
        return self._tables[name].get(keys)

    def _query(self, table: Table, partition_key: str, window: Window, on_page: OnPage) -> None:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html"""
        request: dict[str, Any] = {
            "TableName": table.name,
            "ConsistentRead": True,
            "ReturnConsumedCapacity": "TOTAL",
            "Limit": PAGE_ITEMS,
            "KeyConditionExpression": "#partition = :partition AND #sort BETWEEN :first AND :last",
            "ExpressionAttributeNames": dict(zip(("#partition", "#sort"), KEY_NAMES, strict=True)),
            "ExpressionAttributeValues": {
                ":partition": {"S": partition_key},
                ":first": {"S": window.first},
                # After the last record of an aggregate: `/` follows `.`.
                ":last": {"S": f"{window.last}/"},
            },
        }
        while True:
            page = table.dynamodb.query(request)
            on_page(table.name, page.pop("Items"))
            self._limit.spend(page.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0))
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def segments_of(table: Table) -> int:
    """In how many segments a table is read."""
    return min(MOST_SEGMENTS, max(LEAST_SEGMENTS, table.item_count // ITEMS_PER_SEGMENT))


def text_of(key: Key) -> str:
    """A key of an item in Python's types as `key_of` makes it of an item in DynamoDB JSON."""
    return key_of({name: {"S": value} for name, value in zip(KEY_NAMES, key, strict=True)}, KEY_NAMES)


def has_key(item: Item) -> bool:
    """Whether what should be an item of a copy has its key attributes, as text that is not empty."""
    return all(item.get(name, {}).get("S") for name in KEY_NAMES)


def placed(table: str, key: str) -> str:
    """A key together with the table that it is in."""
    return f"{table} {key}"


def split(placed_key: str) -> tuple[str, str]:
    """The table's name and the key of a placed key: names of tables have no spaces."""
    name, _, key = placed_key.partition(" ")
    return name, key


def as_line(item: Item) -> Mapping[str, Any]:
    """An item in DynamoDB JSON as it is after a line of JSON, which knows neither binary values nor sets."""
    return {name: _as_line(value) for name, value in item.items()}


def _as_line(attribute: Mapping[str, Any]) -> Mapping[str, Any]:
    ((kind, value),) = attribute.items()
    match kind:
        case "B":
            return {"S": value}
        case "M":
            return {"M": as_line(value)}
        case "L":
            return {"L": [_as_line(element) for element in value]}
        case "SS" | "BS" | "NS":
            return {"L": [{"N" if kind == "NS" else "S": element} for element in value]}
    return attribute
