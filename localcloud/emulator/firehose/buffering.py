"""Buffers that close by size or by time, whichever comes first.

https://docs.aws.amazon.com/firehose/latest/dev/buffering-hints.html
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass
class Batch(Generic[V]):
    """What one buffer holds. `opened_at_s` is the clock when the first item came in; `size` is in bytes."""

    opened_at_s: float
    items: list[V] = field(default_factory=list)
    size: int = 0


class Buffers(Generic[K, V]):
    """A buffer for each key, every one closed by the same two hints. Keeps the order of the items of a key."""

    def __init__(self, size_bytes: int, interval_s: float) -> None:
        self.size_bytes = size_bytes
        self.interval_s = interval_s
        self._open: dict[K, Batch[V]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, key: K) -> bool:
        return key in self._open

    def add(self, key: K, item: V, size: int, now_s: float) -> list[tuple[K, list[V]]]:
        """Put an item of `size` bytes in; returns the batches that this closes, in order (none, one or two).

        An item that would push a buffer over its size closes it first, so that no batch of several items is over the
        size.
        """
        closed = []
        batch = self._open.get(key)
        if batch is not None and batch.size + size > self.size_bytes:
            closed.append((key, self._open.pop(key).items))
            batch = None
        if batch is None:
            batch = self._open[key] = Batch(now_s)
        batch.items.append(item)
        batch.size += size
        if batch.size >= self.size_bytes:
            closed.append((key, self._open.pop(key).items))
        return closed

    def due(self, now_s: float) -> list[tuple[K, list[V]]]:
        """Close the buffers whose interval has passed, oldest first."""
        keys = [key for key, batch in self._open.items() if now_s - batch.opened_at_s >= self.interval_s]
        return [(key, self._open.pop(key).items) for key in keys]

    def next_due_s(self) -> float | None:
        """The clock at which the next buffer closes by time, None when all are empty."""
        if not self._open:
            return None
        return min(batch.opened_at_s for batch in self._open.values()) + self.interval_s

    def buffered_bytes(self) -> int:
        return sum(batch.size for batch in self._open.values())
