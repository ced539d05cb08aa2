"""Compares the tables of a copy with the lines that became of them in the lake."""

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from operations.cross_account_copy.comparison import Comparison, Pair, Watcher
from operations.cross_account_copy.expecting import KEY_NAMES, hash_of, parse, reason_of, typed_item
from operations.cross_account_copy.lake import Lake
from operations.cross_account_copy.partitions import Candidate
from operations.cross_account_copy.tables import Tables, as_line, has_key
from operations.instruments import limits
from operations.instruments.comparing import THREADS, OnItems
from operations.instruments.failures import Failures, Record
from operations.instruments.items import digest, key_of
from operations.instruments.raw import Item

# What is foreign is counted, and so many of it are named.
NAMED = 100


class TablesWithLake(Comparison):
    """The items of the tables, each of which must be a line of the lake as it is now; other lines of it are history.

    In what order the lines of two objects came cannot be said, so any line may be the one.
    """

    name = "lake"

    def __init__(self, tables: Tables, lake: Lake, folder: Path, failures: Failures) -> None:
        super().__init__(tables.name, lake.name, folder, failures)
        # What is in the buffer of the delivery stream takes so much longer.
        self.settle_s = lake.delivery.buffer_s
        self.tables = tables
        self._lake = lake
        self._foreign_items, self._foreign_lines = Foreign(), Foreign()

    def collect(self, watch: Watcher) -> None:
        self.refresh_failures({})
        self.one.clear()
        self._foreign_items = Foreign()
        on_items = watch("Reading the tables", self.tables.item_count)

        def on_page(table: str, items: list[Item]) -> None:
            for item in items:
                key = key_of(item, KEY_NAMES)
                self.one.add(key, digest(as_line(item)), table)
                if not _is_copied(item):
                    self._foreign_items.note(f"{table} {key}", "no record of a stream gets this key")
            on_items(len(items))

        self.tables.scan(on_page)
        objects = self._lake.new_objects()
        on_objects = watch("Reading the lake", len(objects))
        self._read(objects, {}, on_objects)

    def refresh(self, candidates: Mapping[str, Candidate]) -> None:
        self._read(self._lake.new_objects(), candidates, lambda count: None)
        found = self.tables.find(candidates)
        for key, candidate in candidates.items():
            candidate.one = digest(as_line(found[key])) if key in found else None

    def pairs(self, candidates: Sequence[Candidate]) -> Mapping[str, Pair]:
        places = {one.key: place for one in candidates for place in one.many.values()}
        found, lines = self.tables.find(one.key for one in candidates), self._lake.lines_at(places.values())
        return {
            key: (as_line(found.get(key, {})), typed_item(parse(lines[place])))
            for key, place in places.items()
            if place in lines
        }

    def failed_keys(self, record: Record) -> Iterable[str]:
        return (key_of(record["dynamodb"]["Keys"], KEY_NAMES),)

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "objects": self._lake.object_count}

    def foreign(self) -> list[str]:
        return [*self._foreign_items.told(), *self._foreign_lines.told()]

    def _read(self, objects: Sequence[str], candidates: Mapping[str, Candidate], on_objects: OnItems) -> None:
        def read(name: str) -> None:
            try:
                for place, line in self._lake.lines(name):
                    self._note(place, line, candidates)
            except ValueError as wrong:
                self._foreign_lines.note(self._lake.place_of(name), wrong)
            on_objects(1)

        with ThreadPoolExecutor(THREADS) as threads:
            deque(threads.map(read, objects), maxlen=0)

    def _note(self, place: str, line: bytes, candidates: Mapping[str, Candidate]) -> None:
        try:
            fields = parse(line)
            limits.check_levels(fields)
            item = typed_item(fields)
            if not has_key(item):
                raise ValueError(f"it does not have {' and '.join(KEY_NAMES)} as text")
            key, digest_of_line = key_of(item, KEY_NAMES), digest(item)
        except (ValueError, ArithmeticError, RecursionError) as wrong:
            self._foreign_lines.note(place, reason_of(wrong))
            return
        self.many.add(key, digest_of_line, place)
        if key in candidates:
            candidates[key].many[digest_of_line] = place


class Foreign:
    """What is none of a copy: the first of it with the reasons, and how much there is. Threads may note at once."""

    def __init__(self) -> None:
        self._named: list[str] = []
        self._count = 0
        self._lock = threading.Lock()

    def note(self, place: str, why: Exception | str) -> None:
        """Note what is there, and why it is foreign."""
        with self._lock:
            self._count += 1
            if len(self._named) < NAMED:
                self._named.append(f"{place}: {why}")

    def told(self) -> list[str]:
        """What has been noted."""
        more = self._count - len(self._named)
        return [*self._named, *([f"and {more} more"] if more else [])]


def _is_copied(item: Item) -> bool:
    """Whether an item's partition key is the one that its shard and its sequence number make."""
    partition_key, sort_key = (str(item[name]["S"]) for name in KEY_NAMES)
    return partition_key == hash_of(item.get("shardId", {}).get("S", ""), sort_key.partition(".")[0])
