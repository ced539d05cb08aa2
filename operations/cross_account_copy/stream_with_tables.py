"""Compares a stream with the tables that it is copied to."""

import threading
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from operations.cross_account_copy.comparison import Comparison, Pair, Watcher
from operations.cross_account_copy.expecting import (
    KEY_NAMES,
    NO_WEEK,
    Expected,
    Key,
    StreamRecord,
    items_of,
    table_of,
)
from operations.cross_account_copy.partitions import NO_ITEM, Candidate
from operations.cross_account_copy.stream import Stream, Window
from operations.cross_account_copy.tables import Tables, placed, split, text_of
from operations.instruments.comparing import OnItems
from operations.instruments.failures import Failure, Failures, Record, number_of, shard_of
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
        self.tables = tables
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

        self.tables.between(list(self._windows.values()), on_page)

    def refresh(self, candidates: Mapping[str, Candidate]) -> None:
        found = self.tables.get(candidates)
        for key, candidate in candidates.items():
            candidate.many = {digest(found[key]): split(key)[0]} if key in found else {}

    def pairs(self, candidates: Sequence[Candidate]) -> Mapping[str, Pair]:
        keys: dict[str, Key] = {one.key: _key_of_text(split(one.key)[1]) for one in candidates}
        sent, found = self._stream.items(keys.values()), self.tables.get(keys)
        return {text: (sent.get(key), found.get(text)) for text, key in keys.items()}

    def failed_keys(self, record: Record) -> Iterable[str]:
        return (key for key, _, _ in self._expected(stream_record(record)))

    def note_given_up(self, failure: Failure) -> None:
        """A record that was given up may have left the stream: the bucket has all of it, and so what is missing."""
        gone = [record for record in map(stream_record, failure.records) if self._has_left(record)]
        expected = {key: wanted for record in gone for key, wanted, _ in self._expected(record)}
        for key in expected.keys() - self.tables.get(expected).keys():
            self.one.add(key, expected[key], failure.where)

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "records": self._records, "from": self._begins.isoformat(timespec="seconds")}

    def shown(self, key: str) -> dict[str, Any]:
        table, key = split(key)
        return {"table": table, **super().shown(key)}

    def wanted(self, candidates: Sequence[Candidate]) -> dict[str, Item]:
        """The items that must be in the copy for these keys: from the stream, else from the on-failure bucket."""
        keys = {one.key: _key_of_text(split(one.key)[1]) for one in candidates}
        sent = self._stream.items(keys.values())
        found = {text: item for text, key in keys.items() if (item := sent.get(key)) is not None}
        for where in {str(one.failed) for one in candidates if one.failed and one.key not in found}:
            failure = self._failures.at(where)
            for record in failure.records if failure else ():
                known = {self._placed(stream_record(record), one): one.item for one in items_of(stream_record(record))}
                found |= {key: item for key, item in known.items() if key in keys and item is not None}
        return found

    def _expect(self, page: Sequence[StreamRecord], on_records: OnItems) -> None:
        for record in page:
            for key, wanted, why in self._expected(record):
                self.one.add(key, wanted, f"{record.shard_id}: {why}" if why else record.shard_id)
        with self._lock:
            self._records += len(page)
        on_records(len(page))

    def _has_left(self, record: StreamRecord) -> bool:
        """Whether a record that could have been read was not: it is older than what the stream has."""
        window = (self._windows or {}).get(record.shard_id)
        older = window is None or int(record.sequence_number) < int(window.first)
        return older and self._stream.reaches(record.arrival_s)

    def _expected(self, record: StreamRecord) -> Iterable[tuple[str, int, str]]:
        """The placed keys of what must become of a record, with the digests of the items; why, where there is none."""
        for one in items_of(record):
            key = self._placed(record, one)
            if split(key)[0] == NO_WEEK:
                yield key, NO_ITEM, "it does not say when it arrived, which decides its table"
            else:
                yield key, NO_ITEM if one.item is None else digest(one.item), one.why

    def _placed(self, record: StreamRecord, expected: Expected) -> str:
        return placed(table_of(self._labels, record.arrival_s), text_of(expected.key))


def stream_record(event_record: Record) -> StreamRecord:
    """A Kinesis record from the form in which Lambda passes it, or a handler keeps one of an aggregate.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (example event)
    """
    kinesis = event_record["kinesis"]
    number, place = number_of(event_record)
    arrival_s = kinesis.get("approximateArrivalTimestamp")
    return StreamRecord(str(shard_of(event_record)), number, arrival_s, b64decode(kinesis["data"]), place)


def _key_of_text(key: str) -> Key:
    first, second = key_attributes(key, KEY_NAMES).values()
    return first["S"], second["S"]
