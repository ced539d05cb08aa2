"""Compares two tables of any size in constant memory: digests of segments first, then only the segments that differ.

A segment's digest is the sum of its items' digests, so that neither the order of the items matters nor how they come in
pages. Segments of two tables with equal keys hold the same items; nothing relies on it: where they do not, more
segments differ, more is read again, and the result is the same.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.ParallelScan
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from operations.instruments.items import digest, key_of, share_of
from operations.instruments.rates import RateLimit
from operations.instruments.tables import Table

ITEMS_PER_SEGMENT = 20_000
LEAST_SEGMENTS, MOST_SEGMENTS = 4, 4096
# Each thread holds a page. Larger ones are no faster, and leave holes in memory that add up over many pages.
THREADS = 4
PAGE_ITEMS = 500
# Keys with digests that are held at once while segments are read again: about 200 bytes each.
HELD_KEYS = 100_000
# Differing keys that are kept by name; more are only counted.
KEPT_KEYS = 10_000
_MODULUS = 1 << 128


@dataclass
class Found:
    """What differs: keys in the source alone, in the replica alone, in both with other items; the first of each kind.

    The counts are of all of them; `items` counts what was read of source and replica.
    """

    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    items: tuple[int, int] = (0, 0)
    segments: int = 0
    differing_segments: int = 0

    @property
    def keys(self) -> list[str]:
        """All differing keys that are kept."""
        return [*self.missing, *self.extra, *self.differing]

    @property
    def total(self) -> int:
        """How many keys differ, kept or not."""
        return self.counts.total()

    def note(self, kind: str, keys: Iterable[str]) -> None:
        """Count keys of a kind, and keep as many as there is room for."""
        kept: list[str] = getattr(self, kind)
        for key in keys:
            self.counts[kind] += 1
            if len(kept) < KEPT_KEYS:
                kept.append(key)


@dataclass(frozen=True)
class Sum:
    """How many items a segment has, and the sum of their digests."""

    items: int
    digests: int


# Told how many items more have been read.
OnItems = Callable[[int], None]


class Comparison:
    """Two tables with the same keys, read in parallel segments. `limit` bounds the read units a second of both."""

    def __init__(
        self, source: Table, replica: Table, limit: RateLimit, on_items: OnItems, segments: int | None = None
    ) -> None:
        self._tables = (source, replica)
        self._limit = limit
        self._on_items = on_items
        count = max(source.item_count, replica.item_count)
        self.segments = segments or min(MOST_SEGMENTS, max(LEAST_SEGMENTS, count // ITEMS_PER_SEGMENT))

    def run(self) -> Found:
        """Reads both tables, and differing segments again. Raises what the reads raise."""
        with ThreadPoolExecutor(THREADS) as threads:
            work = [(table, segment) for segment in range(self.segments) for table in self._tables]
            sums = list(threads.map(lambda one: self._sum(*one), work))
            pairs = list(_pairs(sums))
            unequal = [segment for segment, (one, other) in enumerate(pairs) if one != other]
            found = Found(
                items=(sum(one.items for one, _ in pairs), sum(other.items for _, other in pairs)),
                segments=self.segments,
                differing_segments=len(unequal),
            )
            held = max((sum(pairs[segment][side].items for segment in unequal) for side in (0, 1)), default=0)
            shares = -(-held // HELD_KEYS)
            for share in range(shares):
                self._drill(unequal, share, shares, found, threads)
        return found

    def _sum(self, table: Table, segment: int) -> Sum:
        items, digests = 0, 0
        for page, _ in table.pages(segment, self.segments, self._limit, most=PAGE_ITEMS):
            items += len(page)
            digests = (digests + sum(map(digest, page))) % _MODULUS
            self._on_items(len(page))
            del page  # before the next one is read
        return Sum(items, digests)

    def _drill(
        self, segments: Sequence[int], share: int, shares: int, found: Found, threads: ThreadPoolExecutor
    ) -> None:
        """Compares one of several shares of the keys of differing segments, key by key."""

        def digests_of(table: Table) -> dict[str, int]:
            names = self._tables[0].keys

            def of_segment(segment: int) -> dict[str, int]:
                return {
                    key: digest(item)
                    for page, _ in table.pages(segment, self.segments, self._limit, most=PAGE_ITEMS)
                    for item in page
                    if share_of(key := key_of(item, names), shares) == share
                }

            return {key: value for part in threads.map(of_segment, segments) for key, value in part.items()}

        source, replica = map(digests_of, self._tables)
        found.note("missing", (key for key in source if key not in replica))
        found.note("extra", (key for key in replica if key not in source))
        found.note("differing", (key for key, value in source.items() if replica.get(key, value) != value))


def _pairs(sums: Sequence[Sum]) -> Iterable[tuple[Sum, Sum]]:
    """The sums of a segment in both tables, segment by segment."""
    return zip(sums[::2], sums[1::2], strict=True)
