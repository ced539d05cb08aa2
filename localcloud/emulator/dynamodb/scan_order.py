"""The order in which a table is scanned, kept up while items come and go: by a hash of the partition key, as in AWS.

Items of a partition are in the order of their sort keys, and the order of partitions is nobody's business:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.Partitions.html
A scan goes on after a key, present or not, so that an item that nobody touches meanwhile appears exactly once. Pure.
"""

import base64
import threading
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

# Values of partition key and sort key as text (base64 for binary ones).
Key = tuple[str, str]

BUCKETS = 1024

# How values of a sort key compare, by type; a table without a sort key has the same text in all keys.
_RANKS: dict[str | None, Callable[[str], Any]] = {"N": Decimal, "B": base64.b64decode}


def bucket_of(partition: str) -> int:
    """Which part of the table a partition key is in."""
    return zlib.crc32(partition.encode()) % BUCKETS


def segment_of(segment: int, total: int) -> range:
    """The buckets of a segment of a parallel scan; every bucket is in exactly one of the segments.

    With more segments than buckets some are empty, which a large TotalSegments may lead to in AWS too:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.ParallelScan
    """
    return range(-(-segment * BUCKETS // total), -(-(segment + 1) * BUCKETS // total))


class ScanOrder:
    """The keys of a table. Sorts a bucket when it is read for the first time after it changed.

    `sort_type` is the type of the sort key (S, N, B), None for a table without one. Threads may share it.
    """

    def __init__(self, sort_type: str | None) -> None:
        self._rank_of = _RANKS.get(sort_type, str)
        self._lock = threading.Lock()
        self._keys: list[dict[Key, None]] = [{} for _ in range(BUCKETS)]
        self._sorted: list[list[Key] | None] = [None] * BUCKETS

    def __deepcopy__(self, _memo: object) -> None:
        """Whoever copies a table gets none, and makes another one when the copy is scanned."""

    def add(self, key: Key) -> None:
        """An item was put under a new key."""
        bucket = bucket_of(key[0])
        with self._lock:
            self._keys[bucket][key] = None
            self._sorted[bucket] = None

    def discard(self, key: Key) -> None:
        """The item with this key was deleted."""
        bucket = bucket_of(key[0])
        with self._lock:
            self._keys[bucket].pop(key, None)
            self._sorted[bucket] = None

    def keys(self, buckets: range, after: Key | None = None) -> Iterator[Key]:
        """The keys of some buckets in order, those behind `after` only."""
        first = buckets.start
        if after is not None:
            first = bucket_of(after[0])
            kept = self._in_order(first)
            yield from islice(kept, bisect_right(kept, self._rank(after), key=self._rank), None)
            first += 1
        for bucket in range(first, buckets.stop):
            if self._keys[bucket]:
                yield from self._in_order(bucket)

    def _in_order(self, bucket: int) -> list[Key]:
        with self._lock:
            kept = self._sorted[bucket]
            if kept is None:
                kept = self._sorted[bucket] = sorted(self._keys[bucket], key=self._rank)
            return kept

    def _rank(self, key: Key) -> tuple[str, Any]:
        return key[0], self._rank_of(key[1])
