"""Compares two sides of any size in constant memory, by a Grace hash join.

Rows go to temporary files by a hash of their key: what is equal on both sides is in files of the same number. The
files of one number are small enough to be held at once, and hold all that there is about their keys.
"""

import pickle
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

PARTITIONS = 512
# Rows that a side holds before it writes them: some ten MB.
HELD_ROWS = 50_000
# Differing keys that are kept; more are only counted.
KEPT_KEYS = 10_000
# The digest of what should be an item and cannot be one: no item has it.
NO_ITEM = -1

# A key, the digest of what is there under it, and where that is.
Row = tuple[str, int, str]


class Side:
    """The rows of one side, on disk below `folder`. Threads may add rows at the same time."""

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self._folder = folder
        self._lock = threading.Lock()
        self._held: dict[int, list[Row]] = {}
        folder.mkdir()

    def add(self, key: str, digest: int, place: str = "") -> None:
        """Note what is under a key."""
        with self._lock:
            self._held.setdefault(crc32(key.encode()) % PARTITIONS, []).append((key, digest, place))
            self.count += 1
            if self.count % HELD_ROWS == 0:
                self._write()

    def clear(self) -> None:
        """Forget all rows."""
        with self._lock:
            self.count = 0
            self._held.clear()
            for file in self._folder.iterdir():
                file.unlink()

    def rows(self, partition: int) -> Iterator[Row]:
        """The rows of one partition, in the order in which they came."""
        file = self._folder / str(partition)
        if file.exists():
            with file.open("rb") as blocks:
                while blocks.peek(1):
                    yield from pickle.load(blocks)
        yield from self._held.get(partition, ())

    def _write(self) -> None:
        for partition, rows in self._held.items():
            with (self._folder / str(partition)).open("ab") as file:
                pickle.dump(rows, file)
        self._held.clear()


@dataclass(slots=True)
class Candidate:
    """A key whose sides are not equal: the digest of the one, those of the many with their places, and where it failed.

    They are equal when the one is among the many, or when there is neither.
    """

    key: str
    one: int | None = None
    one_place: str = ""
    many: dict[int, str] = field(default_factory=dict)
    failed: str | None = None

    @property
    def equal(self) -> bool:
        """Whether the sides have become equal."""
        return not self.many if self.one is None else self.one in self.many


@dataclass
class Joined:
    """The first keys that differ, and how many do. Counts: `duplicates` are rows of the many that say the same again,
    `superseded` rows that say something else beside one that is right.
    """

    candidates: list[Candidate] = field(default_factory=list)
    total: int = 0
    counts: Counter[str] = field(default_factory=Counter)


def join(one: Side, many: Side, failed: Side) -> Joined:
    """Compares `one`, which has a key once, with `many`, which may have it often; `failed` says what was given up."""
    joined = Joined()
    for partition in range(PARTITIONS):
        found: dict[str, Candidate] = {}
        for key, digest, place in one.rows(partition):
            found[key] = Candidate(key, digest, place)
        for key, digest, place in many.rows(partition):
            candidate = found.get(key) or found.setdefault(key, Candidate(key))
            joined.counts["duplicates"] += digest in candidate.many
            candidate.many[digest] = place
        for key, _, place in failed.rows(partition):
            if key in found:
                found[key].failed = place
        for candidate in found.values():
            if candidate.equal:
                joined.counts["superseded"] += len(candidate.many) - 1
                continue
            joined.total += 1
            if len(joined.candidates) < KEPT_KEYS:
                joined.candidates.append(candidate)
    return joined
