"""Applies the records of a shard in order, stops at the first that cannot be applied, and says which one it was.

The way of the data: entries -> batches -> calls, a few at a time -> the lowest failure, which is the checkpoint.

Several batches are under way at once, so later entries may be applied before earlier ones. That is harmless because
applying an entry twice is the same as applying it once, because Lambda sends everything from the checkpoint on again,
and because two entries with one key are never under way together.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import NamedTuple

from handlers.shared.errors import Cause, RecordError, cause_of, describe
from handlers.shared.time_budget import TimeBudget

__all__ = ["Counts", "Entry", "Failure", "OrderedRun", "batches_of"]

# Batches waiting for a thread, per thread: enough to keep the threads busy while the next batch is being prepared.
BATCHES_PER_THREAD = 2


class Entry(NamedTuple):
    """One thing to apply. `position` is the index of its record in the event; entries come in the order of their
    positions, and several may share one. Of two entries with one `key` the later one wins. `body` is what is sent."""

    position: int
    key: Hashable
    body: bytes


@dataclass(frozen=True)
class Failure:
    """The first record that is not applied: its index in the event, and why."""

    position: int
    reason: str


@dataclass
class Counts:
    """What happened to the entries: how many were applied, how many sent again (once per retry), in how many calls."""

    applied: int = 0
    retried: int = 0
    calls: int = 0


# Sends a batch in one call and returns the entries that the service did not take; raises what botocore raises.
Send = Callable[[Sequence[Entry]], Sequence[Entry]]


def batches_of(entries: Iterable[Entry], max_entries: int, max_bytes: int) -> Iterator[list[Entry]]:
    """Gathers entries into batches of at most `max_entries` and `max_bytes` of bodies.

    A RecordError of `entries` is raised only after the batch gathered before it was taken.
    """
    batch: list[Entry] = []
    size_bytes = 0
    try:
        for entry in entries:
            entry_bytes = len(entry.body)
            if len(batch) == max_entries or (batch and size_bytes + entry_bytes > max_bytes):
                yield batch
                batch, size_bytes = [], 0
            batch.append(entry)
            size_bytes += entry_bytes
    except RecordError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


class OrderedRun:
    """One invocation's work: give it the batches, get the first failure.

    `send` makes one call. With an `executor` of `threads` threads up to so many calls are under way at once, without
    one the calls follow each other strictly.
    """

    def __init__(
        self,
        send: Send,
        budget: TimeBudget,
        *,
        executor: Executor | None = None,
        threads: int = 1,
    ) -> None:
        self.counts = Counts()
        self._send = send
        self._budget = budget
        self._executor = executor
        self._window = threads * BATCHES_PER_THREAD
        self._failure: Failure | None = None
        self._lock = threading.Lock()

    def apply(self, batches: Iterable[Sequence[Entry]]) -> Failure | None:
        """Applies the batches; the lowest failure, or None when everything is applied.

        Everything before the failure is durable when this returns, and no call is under way any more. The first
        batch is tried, and searched for an entry that is refused, however little time is left: a retried invocation
        always gets on.
        """
        if self._executor is None:
            self._feed(batches, self._apply)
            return self._failure
        under_way: deque[tuple[Future[bool], frozenset[Hashable]]] = deque()
        executor = self._executor

        def submit(batch: Sequence[Entry], first: bool) -> None:
            keys = frozenset(entry.key for entry in batch)
            while under_way and (
                len(under_way) >= self._window or any(not keys.isdisjoint(other) for _, other in under_way)
            ):
                under_way.popleft()[0].result()
            # What was waited for may have failed, and this batch may hold a newer version of the same item.
            if self._failure is None:
                under_way.append((executor.submit(self._apply, batch, first), keys))

        try:
            self._feed(batches, submit)
        finally:
            for future, _ in under_way:
                future.exception()
        for future, _ in under_way:
            future.result()
        return self._failure

    def _feed(self, batches: Iterable[Sequence[Entry]], take: Callable[[Sequence[Entry], bool], object]) -> None:
        first = True
        try:
            for batch in batches:
                take(batch, first)
                first = False
                if self._failure is not None:
                    return
        except RecordError as error:
            self._note(Failure(error.position, error.reason))

    def _apply(self, batch: Sequence[Entry], first: bool) -> bool:
        """Applies one batch; False when something of it is not applied (a failure at or before it is noted then)."""
        attempt = 0
        while self._may_call(batch[0], first):
            with self._lock:
                self.counts.calls += 1
            try:
                left = self._send(batch)
                reason = f"the service left {len(left)} of {len(batch)} entries unprocessed"
            except Exception as error:
                cause, reason, left = cause_of(error), describe(error), batch
                if cause is Cause.RECORD and len(batch) > 1:
                    middle = len(batch) // 2
                    return self._apply(batch[:middle], first) and self._apply(batch[middle:], first)
                if cause is Cause.REFUSED:
                    reason += "; grant or create what is missing, by `pulumi up` on its stack: Lambda tries again"
                if cause in (Cause.RECORD, Cause.REFUSED):
                    self._note(Failure(batch[0].position, reason))
                    return False
            applied = len(batch) - len(left)
            with self._lock:
                self.counts.applied += applied
            if not left:
                return True
            if not self._budget.pause(attempt):
                self._note(Failure(left[0].position, f"the invocation's time ran out; at the last attempt {reason}"))
                return False
            with self._lock:
                self.counts.retried += len(left)
            attempt = 0 if applied else attempt + 1
            batch = left
        return False

    def _may_call(self, entry: Entry, first: bool) -> bool:
        """Whether to make a call whose lowest entry is `entry`; always for the first batch, which nobody precedes.

        Not when a lower failure already decides where Lambda resumes, or when the time ran out, which is noted then.
        """
        if first:
            return True
        failure = self._failure
        if failure is not None and failure.position < entry.position:
            return False
        if self._budget.left_s() <= 0:
            self._note(Failure(entry.position, "not tried, because the invocation's time ran out"))
            return False
        return True

    def _note(self, failure: Failure) -> None:
        with self._lock:
            if self._failure is None or failure.position < self._failure.position:
                self._failure = failure
