"""A source table, its stream in shards, and a mapping that hands the stream to a handler as Lambda may: at least once,
in order within a shard, children after their parents, and with an on-failure bucket.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html , …/services-ddb-batchfailurereporting.html
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fake_aws import Item, SandboxKilledError
from fake_replica import stream_record

HASH_END = 2**32

Event = list[dict[str, Any]]


@dataclass
class Shard:
    """Records of the keys whose hash is from `low` up to `high`, exclusive; read up to `position`."""

    parent: Shard | None
    low: int
    high: int
    records: Event = field(default_factory=list)
    is_open: bool = True
    position: int = 0

    @property
    def readable(self) -> bool:
        """Whether its parents are done, the empty ones among them as well."""
        return self.parent is None or self.parent.finished

    @property
    def finished(self) -> bool:
        return not self.is_open and self.position >= len(self.records) and self.readable


@dataclass
class Source:
    """A table by its partition key `PK`, of which every change is in the stream; an item is without its key here."""

    items: dict[str, Item] = field(default_factory=dict)
    shards: list[Shard] = field(default_factory=lambda: [Shard(None, 0, HASH_END)])
    keys: tuple[str, ...] = ("PK",)
    written: int = 0

    def write(self, key: str, change: Callable[[Item | None], Item | None]) -> None:
        """Change an item, or None for one that is not there; what changes nothing is no record."""
        before = self.items.pop(key, None)
        after = change(before)
        if after is not None:
            self.items[key] = after
        if after != before:
            [shard] = (one for one in self.shards if one.is_open and one.low <= zlib.crc32(key.encode()) < one.high)
            shard.records.append(stream_record(self.written, key, after))
            self.written += 1

    def reshard(self, which: int, into: int) -> None:
        """Close an open shard in favour of `into` children."""
        taking = [one for one in self.shards if one.is_open]
        parent = taking[which % len(taking)]
        parent.is_open = False
        width = parent.high - parent.low
        borders = [parent.low + width * at // into for at in range(into + 1)]
        self.shards += [Shard(parent, low, high) for low, high in itertools.pairwise(borders)]

    def get(self, keys: Iterable[str]) -> dict[str, Item]:
        """As `operations.instruments.tables.Table` reads items."""
        named = {f'[{{"S":"{key}"}}]': {"PK": {"S": key}, **item} for key, item in self.items.items()}
        return {key: named[key] for key in keys if key in named}


@dataclass
class Mapping:
    """Hands the source's stream to `handler`; `bucket` holds the batches that were given up."""

    source: Source
    handler: Callable[[dict[str, Any]], dict[str, Any]]
    bucket: list[Event] = field(default_factory=list)

    def deliver(self, which: int, size: int, back: int, how: str) -> None:
        """Hand over a batch of one shard, beginning up to `back` records before the checkpoint.

        `how` is "crash before", "crash after" (the reply is lost), "twice", "give up" (what is not applied goes to
        the bucket), or anything else for a delivery without an accident.
        """
        readable = [one for one in self.source.shards if one.readable and not one.finished]
        shard = readable[which % len(readable)]
        start = max(0, shard.position - back)
        batch = shard.records[start : start + size]
        if not batch or how == "crash before":
            return
        failed = self.invoke(batch)
        if how == "twice":
            failed = self.invoke(batch)
        if how == "crash after":
            failed = 0
        if failed is not None and how == "give up":
            self.bucket.append(batch[failed:])
            failed = None
        shard.position = start + (len(batch) if failed is None else failed)

    def redrive(self, which: int, refresh: Callable[[Event], Event]) -> None:
        """Apply a batch of the bucket, brought up to date by `refresh`; what is not applied stays there."""
        if self.bucket:
            batch = refresh(self.bucket.pop(which % len(self.bucket)))
            failed = self.invoke(batch)
            if failed is not None:
                self.bucket.append(batch[failed:])

    def invoke(self, batch: Event) -> int | None:
        """The index of the first record that is not applied, None when all are."""
        try:
            reply = self.handler({"Records": batch})
        except SandboxKilledError:
            return 0
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        return next((numbers.index(one["itemIdentifier"]) for one in reply["batchItemFailures"]), None)

    def is_behind(self) -> bool:
        """Whether anything is left to be applied."""
        return bool(self.bucket) or any(one.position < len(one.records) for one in self.source.shards)
