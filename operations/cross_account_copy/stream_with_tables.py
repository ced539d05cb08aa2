"""Compares a stream with the tables that it is copied to."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from operations.cross_account_copy.comparison import Comparison, Pair, Watcher
from operations.cross_account_copy.expecting import (
    KEY_NAMES,
    Key,
    StreamRecord,
    items_of,
    table_of,
    typed_item,
)
from operations.cross_account_copy.failures import Failures, stream_record
from operations.cross_account_copy.partitions import NO_ITEM, Candidate
from operations.cross_account_copy.stream import Stream, Window
from operations.cross_account_copy.tables import Tables, placed, split, text_of
from operations.instruments.comparing import OnItems
from operations.instruments.items import digest, key_attributes, key_of
from operations.instruments.raw import Item


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
        self._windows: dict[str, Window] | None = None
        self._begins = stream.begins()
        self._lock = threading.Lock()
        self._records = 0

    def collect(self, watch: Watcher) -> None:
        if self._windows is None:
            on_records = watch("Reading the stream", None)
            windows = self._stream.read(lambda page: self._expect(page, on_records))
            self._windows = {window.shard_id: window for window in windows}
        self.refresh_failures({})
        self.many.clear()
        on_items = watch("Reading the tables", self.one.count)

        def on_page(table: str, items: list[Item]) -> None:
            for item in items:
                self.many.add(placed(table, key_of(item, KEY_NAMES)), digest(item), table)
            on_items(len(items))

        self._tables.between(list(self._windows.values()), on_page)

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

    def note_given_up(self, place: str, records: Sequence[Mapping[str, Any]]) -> None:
        """A record that was given up may have left the stream: the bucket has all of it, and so what is missing."""
        gone = [record for record in map(stream_record, records) if self._has_left(record)]
        expected = {key: wanted for record in gone for key, wanted in self._expected(record)}
        for key in expected.keys() - self._tables.get(expected).keys():
            self.one.add(key, expected[key], place)

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

    def _has_left(self, record: StreamRecord) -> bool:
        """Whether a record that could have been read was not: it is older than what the stream has."""
        window = (self._windows or {}).get(record.shard_id)
        older = window is None or int(record.sequence_number) < int(window.first)
        return older and self._stream.reaches(record.arrival_s)

    def _expected(self, record: StreamRecord) -> Iterable[tuple[str, int]]:
        """The placed keys of what must become of a record, with the digests of the items."""
        table = table_of(self._labels, record.arrival_s)
        for key, item in items_of(record):
            yield placed(table, text_of(key)), NO_ITEM if item is None else digest(typed_item(item))


def _key_of_text(key: str) -> Key:
    first, second = key_attributes(key, KEY_NAMES).values()
    return first["S"], second["S"]
