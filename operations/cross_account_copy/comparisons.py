"""The comparisons that prove a copy: its stream with its tables, its tables with the lake and with the click stream.

Each has one side on which a key is there once, and one on which it may be there often. `collect` reads both into
partitions; `refresh` looks again at single keys, for what was on its way.
"""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from operations.cross_account_copy.expecting import (
    KEY_NAMES,
    Key,
    StreamRecord,
    items_of,
    parse,
    table_of,
    typed_item,
)
from operations.cross_account_copy.failures import Failures, stream_record
from operations.cross_account_copy.lake import Lake
from operations.cross_account_copy.partitions import NO_ITEM, Candidate, Side
from operations.cross_account_copy.stream import Stream, Window
from operations.cross_account_copy.tables import Tables, as_line, placed, split, text_of
from operations.table_replica.comparing import THREADS, OnItems
from operations.table_replica.items import digest, key_attributes, key_of
from operations.table_replica.raw import Item
from operations.table_replica.tables import Table

# Starts a bar of progress: what is read, and how much of it there is when that is known.
Watcher = Callable[[str, int | None], OnItems]
# What a key has in the source and in the copy.
Pair = tuple[Item | None, Item | None]
# Lines that are no items are counted, and so many of them are named.
NAMED_LINES = 100


class Comparison(ABC):
    """`source` and `copy` name the sides; `one_is` and `many_is` say what a key is that only that side has.

    `settle_s` is how much longer than elsewhere a difference must last to be called one.
    """

    name: str
    one_is, many_is = "missing", "extra"
    settle_s = 0.0

    def __init__(self, source: str, copy: str, folder: Path, failures: Failures) -> None:
        self.source = source
        self.copy = copy
        self.one, self.many, self.failed = (Side(folder / f"{self.name}-{side}") for side in ("one", "many", "failed"))
        self._failures = failures

    @abstractmethod
    def collect(self, watch: Watcher) -> None:
        """Read both sides; when called again, what may have changed since."""

    @abstractmethod
    def refresh(self, candidates: Mapping[str, Candidate]) -> None:
        """Bring candidates up to date."""

    @abstractmethod
    def pairs(self, candidates: Sequence[Candidate]) -> Mapping[str, Pair]:
        """What keys have on both sides, by key."""

    @abstractmethod
    def failed_keys(self, record: Mapping[str, Any]) -> Iterable[str]:
        """The keys of what is missing because of a record that was given up, in the form in which Lambda passes it."""

    def facts(self) -> dict[str, Any]:
        """What there is to say about what was read."""
        return {"sourceItems": self.one.count, "copyItems": self.many.count}

    def flaws(self) -> list[str]:
        """What cannot be compared at all, and why."""
        return []

    def shown(self, key: str) -> dict[str, Any]:
        """A key as a report shows it."""
        return {"key": key_attributes(key, KEY_NAMES)}

    def refresh_failures(self, candidates: Mapping[str, Candidate]) -> None:
        """Read what was given up since the last time, and tell the candidates."""
        for place, record in self._failures.new():
            for key in self.failed_keys(record):
                self.failed.add(key, NO_ITEM, place)
                if key in candidates:
                    candidates[key].failed = place


class StreamWithTables(Comparison):
    """The records of the stream, each of which must be an item of the right table; `labels` are tables by label."""

    name = "stream"

    def __init__(
        self, stream: Stream, tables: Tables, labels: Mapping[str, str], folder: Path, failures: Failures
    ) -> None:
        super().__init__(stream.name, tables.name, folder, failures)
        self._stream = stream
        self._tables = tables
        self._labels = labels
        self._windows: list[Window] | None = None
        self._begins = stream.begins()
        self._lock = threading.Lock()
        self._records = 0

    def collect(self, watch: Watcher) -> None:
        self.refresh_failures({})
        if self._windows is None:
            on_records = watch(f"Reading {self.source}", None)
            self._windows = self._stream.read(lambda page: self._expect(page, on_records))
        self.many.clear()
        on_items = watch(f"Reading {self.copy}", self.one.count)

        def on_page(table: str, items: list[Item]) -> None:
            for item in items:
                self.many.add(placed(table, key_of(item, KEY_NAMES)), digest(item), table)
            on_items(len(items))

        self._tables.between(self._windows, on_page)

    def refresh(self, candidates: Mapping[str, Candidate]) -> None:
        found = self._tables.get(candidates)
        for key, candidate in candidates.items():
            candidate.many = {digest(found[key]): split(key)[0]} if key in found else {}

    def pairs(self, candidates: Sequence[Candidate]) -> Mapping[str, Pair]:
        keys: dict[str, Key] = {one.key: _key_of_text(split(one.key)[1]) for one in candidates}
        sent, found = self._stream.items(keys.values()), self._tables.get(keys)
        return {text: (sent.get(key), found.get(text)) for text, key in keys.items()}

    def failed_keys(self, record: Mapping[str, Any]) -> Iterable[str]:
        return (key for key, _ in self._expected(stream_record(record)))

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "records": self._records, "from": self._begins.isoformat(timespec="seconds")}

    def shown(self, key: str) -> dict[str, Any]:
        table, key = split(key)
        return {"table": table, **super().shown(key)}

    def _expect(self, page: Sequence[StreamRecord], on_records: OnItems) -> None:
        for record in page:
            for key, wanted in self._expected(record):
                self.one.add(key, wanted, record.shard_id)
        with self._lock:
            self._records += len(page)
        on_records(len(page))

    def _expected(self, record: StreamRecord) -> Iterable[tuple[str, int]]:
        """The placed keys of what must become of a record, with the digests of the items."""
        table = table_of(self._labels, record.arrival_s)
        for key, item in items_of(record):
            yield placed(table, text_of(key)), NO_ITEM if item is None else digest(typed_item(item))


class TablesWithLake(Comparison):
    """The items of the tables, each of which must be a line of the lake as it is now; other lines of it are history.

    In what order the lines of two objects came cannot be said, so any line may be the one.
    """

    name = "lake"

    def __init__(self, tables: Tables, lake: Lake, folder: Path, failures: Failures) -> None:
        super().__init__(tables.name, lake.name, folder, failures)
        # What is in the buffer of the delivery stream takes so much longer.
        self.settle_s = lake.delivery.buffer_s
        self._tables = tables
        self._lake = lake
        self._lock = threading.Lock()
        self._flaws: list[str] = []
        self._flaw_count = 0

    def collect(self, watch: Watcher) -> None:
        self.refresh_failures({})
        self.one.clear()
        on_items = watch(f"Reading {self.source}", self._tables.item_count)

        def on_page(table: str, items: list[Item]) -> None:
            for item in items:
                self.one.add(key_of(item, KEY_NAMES), digest(as_line(item)), table)
            on_items(len(items))

        self._tables.scan(on_page)
        objects = self._lake.new_objects()
        on_objects = watch(f"Reading {self.copy}", len(objects))
        self._read(objects, {}, on_objects)

    def refresh(self, candidates: Mapping[str, Candidate]) -> None:
        self._read(self._lake.new_objects(), candidates, lambda count: None)
        found = self._tables.find(candidates)
        for key, candidate in candidates.items():
            candidate.one = digest(as_line(found[key])) if key in found else None

    def pairs(self, candidates: Sequence[Candidate]) -> Mapping[str, Pair]:
        places = {one.key: place for one in candidates for place in one.many.values()}
        found, lines = self._tables.find(one.key for one in candidates), self._lake.lines_at(places.values())
        return {key: (as_line(found.get(key, {})), typed_item(parse(lines[place]))) for key, place in places.items()}

    def failed_keys(self, record: Mapping[str, Any]) -> Iterable[str]:
        return (key_of(record["dynamodb"]["Keys"], KEY_NAMES),)

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "objects": self._lake.object_count}

    def flaws(self) -> list[str]:
        more = self._flaw_count - len(self._flaws)
        return [*self._flaws, *([f"and {more} more"] if more else [])]

    def _read(self, objects: Sequence[str], candidates: Mapping[str, Candidate], on_objects: OnItems) -> None:
        def read(name: str) -> None:
            try:
                for place, line in self._lake.lines(name):
                    self._note(place, line, candidates)
            except ValueError as wrong:
                self._flaw(self._lake.place_of(name), wrong)
            on_objects(1)

        with ThreadPoolExecutor(THREADS) as threads:
            deque(threads.map(read, objects), maxlen=0)

    def _note(self, place: str, line: bytes, candidates: Mapping[str, Candidate]) -> None:
        try:
            item = typed_item(parse(line))
            if not all(item.get(name, {}).get("S") for name in KEY_NAMES):
                raise ValueError(f"it does not have {' and '.join(KEY_NAMES)} as text")
        except (ValueError, ArithmeticError, RecursionError) as wrong:
            self._flaw(place, wrong)
            return
        key, digest_of_line = key_of(item, KEY_NAMES), digest(item)
        self.many.add(key, digest_of_line, place)
        if key in candidates:
            candidates[key].many[digest_of_line] = place

    def _flaw(self, place: str, wrong: Exception) -> None:
        with self._lock:
            self._flaw_count += 1
            if len(self._flaws) < NAMED_LINES:
                self._flaws.append(f"{place}: {wrong}")


class TablesWithClicks(Comparison):
    """The items of the tables that have the keys of the per-user table, which must hold one of each key.

    Of several items with one user and one time the later writer wins, and which that is cannot be said: any may be it.
    """

    name = "clickStream"
    one_is, many_is = "extra", "missing"

    def __init__(self, tables: Tables, table: Table, clicks: Tables, folder: Path, failures: Failures) -> None:
        super().__init__(tables.name, table.name, folder, failures)
        self._tables = tables
        self._table = table
        self._clicks = clicks

    def collect(self, watch: Watcher) -> None:
        self.refresh_failures({})
        on_items = watch(f"Reading {self.source}", self._tables.item_count)
        on_clicks = watch(f"Reading {self.copy}", self._table.item_count)
        self.one.clear()
        self.many.clear()

        def on_page(table: str, items: list[Item]) -> None:
            for item in items:
                if (key := self._click_key(item)) is not None:
                    self.many.add(key, digest(item), table)
            on_items(len(items))

        def on_click_page(table: str, items: list[Item]) -> None:
            for item in items:
                self.one.add(key_of(item, self._table.keys), digest(item), table)
            on_clicks(len(items))

        self._tables.scan(on_page)
        self._clicks.scan(on_click_page)

    def refresh(self, candidates: Mapping[str, Candidate]) -> None:
        for key, (copied, click) in self._now(candidates).items():
            candidate = candidates[key]
            candidate.one = None if click is None else digest(click)
            if copied is not None and self._click_key(copied) == key:
                candidate.many[digest(copied)] = ""

    def pairs(self, candidates: Sequence[Candidate]) -> Mapping[str, Pair]:
        return self._now([one.key for one in candidates])

    def failed_keys(self, record: Mapping[str, Any]) -> Iterable[str]:
        key = self._click_key(record["dynamodb"].get("NewImage", {}))
        return () if key is None else (key,)

    def facts(self) -> dict[str, Any]:
        return {"sourceItems": self.many.count, "copyItems": self.one.count}

    def shown(self, key: str) -> dict[str, Any]:
        return {"key": key_attributes(key, self._table.keys)}

    def _now(self, keys: Iterable[str]) -> dict[str, Pair]:
        """What the per-user table has, and the item of the copy that it says to be."""
        keys = list(keys)
        clicks = self._table.get(filter(self._can_be_key, keys))
        origins = {key: key_of(item, KEY_NAMES) for key, item in clicks.items() if set(KEY_NAMES) <= item.keys()}
        copied = self._tables.find(origins.values())
        return {key: (copied.get(origins.get(key, "")), clicks.get(key)) for key in keys}

    def _can_be_key(self, key: str) -> bool:
        """Whether the per-user table could hold the key: what has another type was refused."""
        types = {one["AttributeName"]: one["AttributeType"] for one in self._table.description["AttributeDefinitions"]}
        return all(types[name] in value for name, value in key_attributes(key, self._table.keys).items())

    def _click_key(self, item: Item) -> str | None:
        """The key of an item in the per-user table; None where an attribute is missing or empty."""
        names = self._table.keys
        empty = any(item.get(name) in (None, {"NULL": True}, {"S": ""}, {"B": ""}) for name in names)
        return None if empty else key_of(item, names)


def _key_of_text(key: str) -> Key:
    first, second = key_attributes(key, KEY_NAMES).values()
    return first["S"], second["S"]
