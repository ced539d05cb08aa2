"""Compares the tables of a copy with the table of each user's clicks."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from operations.cross_account_copy.comparison import Comparison, Pair, Watcher
from operations.cross_account_copy.expecting import KEY_NAMES
from operations.cross_account_copy.partitions import Candidate
from operations.cross_account_copy.tables import Tables, has_key, placed
from operations.instruments.failures import Failures, Record
from operations.instruments.items import digest, key_attributes, key_of
from operations.instruments.raw import Item
from operations.instruments.tables import Table


class TablesWithClicks(Comparison):
    """The items of the tables that have the keys of the per-user table, which must hold one of each key.

    Of several items with one user and one time the later writer wins, and which that is cannot be said: any may be it.
    """

    name = "clickStream"
    one_is, many_is = "extra", "missing"

    def __init__(self, tables: Tables, table: Table, folder: Path, failures: Failures) -> None:
        super().__init__(tables.name, table.name, folder, failures)
        self.tables = tables
        self.table = table
        self._clicks = tables.of(table)

    def collect(self, watch: Watcher) -> None:
        self.refresh_failures({})
        on_items = watch("Reading the tables", self.tables.item_count)
        on_clicks = watch("Reading the click stream", self.table.item_count)
        self.one.clear()
        self.many.clear()

        def on_page(table: str, items: list[Item]) -> None:
            for item in items:
                if (key := self.click_key(item)) is not None:
                    self.many.add(key, digest(item), placed(table, key_of(item, KEY_NAMES)))
            on_items(len(items))

        def on_click_page(table: str, items: list[Item]) -> None:
            for item in items:
                self.one.add(key_of(item, self.table.keys), digest(item), table)
            on_clicks(len(items))

        self.tables.scan(on_page)
        self._clicks.scan(on_click_page)

    def refresh(self, candidates: Mapping[str, Candidate]) -> None:
        for key, (copied, click) in self._now(candidates).items():
            candidate = candidates[key]
            candidate.one = None if click is None else digest(click)
            if copied is not None and self.click_key(copied[1]) == key:
                table, item = copied
                candidate.many[digest(item)] = placed(table.name, key_of(item, KEY_NAMES))

    def pairs(self, candidates: Sequence[Candidate]) -> Mapping[str, Pair]:
        found = self._now([one.key for one in candidates])
        return {key: (copied and copied[1], click) for key, (copied, click) in found.items()}

    def failed_keys(self, record: Record) -> Iterable[str]:
        key = self.click_key(record["dynamodb"].get("NewImage", {}))
        return () if key is None else (key,)

    def facts(self) -> dict[str, Any]:
        return {"sourceItems": self.many.count, "copyItems": self.one.count}

    def shown(self, key: str) -> dict[str, Any]:
        return {"key": key_attributes(key, self.table.keys)}

    def _now(self, keys: Iterable[str]) -> dict[str, tuple[tuple[Table, Item] | None, Item | None]]:
        """The item of the copy that the per-user table's says to be, with its table, and the per-user table's."""
        keys = list(keys)
        clicks = self._clicks.find(keys)
        origins = {key: key_of(item, KEY_NAMES) for key, item in clicks.items() if has_key(item)}
        copied = self.tables.find_placed(origins.values())
        return {key: (copied.get(origins.get(key, "")), clicks.get(key)) for key in keys}

    def click_key(self, item: Item) -> str | None:
        """The key of an item in the per-user table; None where an attribute is missing or empty."""
        names = self.table.keys
        empty = any(item.get(name) in (None, {"NULL": True}, {"S": ""}, {"B": ""}) for name in names)
        return None if empty else key_of(item, names)
