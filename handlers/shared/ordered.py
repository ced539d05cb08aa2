"""Applies the records of a shard in order, waits where the far end is away, and says from where on nothing is applied.

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

from handlers.shared.errors import Cause, NotYetError, cause_of, describe
from handlers.shared.poison import REFUSED, Poison
from handlers.shared.streams import Failure
from handlers.shared.time_budget import TimeBudget

__all__ = ["Counts", "Entry", "OrderedRun", "Work", "batches_of"]

# Batches waiting for a thread, per thread: enough to keep the threads busy while the next batch is being prepared.
BATCHES_PER_THREAD = 2
# What a smaller call may do away with: one unacceptable entry among others, and an answer that takes too long.
_HALVED = (Cause.RECORD, Cause.SLOW)


class Entry(NamedTuple):
    """One thing to apply. `position` is the index of its record in the event, `part` its index in an aggregate; entries
    come in the order of both. Of two entries with one `key` the later one wins. `body` is what is sent. An entry that
    was joined from several has them as `joined`, for the case that it is refused."""

    position: int
    key: Hashable
    body: bytes
    part: int | None = None
    joined: tuple[Entry, ...] = ()


@dataclass
class Counts:
    """What happened to the entries: how many were applied, how many sent again (once per retry), in how many calls, and
    how many were set aside as poison."""

    applied: int = 0
    retried: int = 0
    calls: int = 0
    poisoned: int = 0


# Sends a batch in one call and returns the entries that the service did not take; raises what botocore raises.
Send = Callable[[Sequence[Entry]], Sequence[Entry]]


class Work(NamedTuple):
    """What belongs together: a batch for one call, and the poison found among its records. Either may be empty."""

    entries: Sequence[Entry]
    poison: Sequence[Poison] = ()


def batches_of(entries: Iterable[Entry | Poison], max_entries: int, max_bytes: int) -> Iterator[Work]:
    """Gathers entries into batches of at most `max_entries` and `max_bytes` of bodies, with the poison among them.

    A NotYetError of `entries` is raised only after what was gathered before it was taken.
    """
    batch: list[Entry] = []
    poison: list[Poison] = []
    size_bytes = 0
    try:
        for entry in entries:
            if isinstance(entry, Poison):
                if len(poison) == max_entries:
                    yield Work(batch, poison)
                    batch, poison, size_bytes = [], [], 0
                poison.append(entry)
                continue
            entry_bytes = len(entry.body)
            if len(batch) == max_entries or (batch and size_bytes + entry_bytes > max_bytes):
                yield Work(batch, poison)
                batch, poison, size_bytes = [], [], 0
            batch.append(entry)
            size_bytes += entry_bytes
    except NotYetError:
        if batch or poison:
            yield Work(batch, poison)
        raise
    if batch or poison:
        yield Work(batch, poison)


class OrderedRun:
    """One invocation's work: give it what batches_of makes, get the first failure.

    `send` makes one call. With an `executor` of `threads` threads up to so many calls are under way at once, without
    one the calls follow each other strictly.

    `set_aside` stores a poison record, and raises what botocore raises; `aside` then has the positions of these
    records. With it a run goes on as long as its time lasts, whatever a call is answered. Without it the run ends at
    the first entry that is unacceptable, and at the first call that is refused. `on_wait` is told, before each pause,
    what waits and why.
    """

    def __init__(
        self,
        send: Send,
        budget: TimeBudget,
        *,
        set_aside: Callable[[Poison], None] | None = None,
        on_wait: Callable[[Failure], None] = lambda _: None,
        executor: Executor | None = None,
        threads: int = 1,
    ) -> None:
        self.counts = Counts()
        self.aside: set[int] = set()
        self._send = send
        self._budget = budget
        self._set_aside = set_aside
        self._on_wait = on_wait
        self._executor = executor
        self._window = threads * BATCHES_PER_THREAD
        self._failure: Failure | None = None
        self._lock = threading.Lock()

    def apply(self, batches: Iterable[Work]) -> Failure | None:
        """Applies the batches; the lowest failure, or None when everything is applied or set aside.

        Everything before the failure is durable when this returns, and no call is under way any more. The first
        batch is tried, and searched for an entry that is refused, however little time is left: a retried invocation
        always gets on.
        """
        if self._executor is None:
            self._feed(batches, self._do)
            return self._failure
        under_way: deque[tuple[Future[bool], frozenset[Hashable]]] = deque()
        executor = self._executor

        def submit(work: Work, first: bool) -> None:
            keys = frozenset(entry.key for entry in work.entries)
            while under_way and (
                len(under_way) >= self._window or any(not keys.isdisjoint(other) for _, other in under_way)
            ):
                under_way.popleft()[0].result()
            # What was waited for may have failed, and this batch may hold a newer version of the same item.
            if self._failure is None:
                under_way.append((executor.submit(self._do, work, first), keys))

        try:
            self._feed(batches, submit)
        finally:
            for future, _ in under_way:
                future.exception()
        for future, _ in under_way:
            future.result()
        return self._failure

    def _feed(self, batches: Iterable[Work], take: Callable[[Work, bool], object]) -> None:
        first = True
        try:
            for work in batches:
                take(work, first)
                first = False
                if self._failure is not None:
                    return
        except NotYetError as error:
            self._note(Failure(error.position, 0, error.reason))

    def _do(self, work: Work, first: bool) -> bool:
        """Does one piece of work; False when something of it is not done (a failure at or before it is noted then)."""
        applied = not work.entries or self._apply(work.entries, first)
        # What is before the failure is taken for done, and so has to be.
        return all(self._keep(poison, first) for poison in work.poison) and applied

    def _apply(self, batch: Sequence[Entry], first: bool) -> bool:
        attempt = 0
        while self._may_call(batch[0], first):
            with self._lock:
                self.counts.calls += 1
            try:
                left = self._send(batch)
                reason = f"the service left {len(left)} of {len(batch)} entries unprocessed"
            except Exception as error:
                cause, reason, left = cause_of(error), describe(error), batch
                if cause in _HALVED and len(batch) > 1:
                    middle = len(batch) // 2
                    return self._apply(batch[:middle], first) and self._apply(batch[middle:], first)
                if cause is Cause.RECORD:
                    return self._refused(batch[0], reason, first)
                if cause is Cause.REFUSED:
                    reason += "; grant or create what is missing, by `pulumi up` on its stack: Lambda tries again"
                    if self._set_aside is None:
                        return self._stop(batch[0], reason)
            applied = len(batch) - len(left)
            with self._lock:
                self.counts.applied += applied
            if not left:
                return True
            self._on_wait(Failure(left[0].position, left[0].part or 0, reason))
            if not self._budget.pause(attempt):
                return self._stop(left[0], f"the invocation's time ran out; at the last attempt {reason}")
            with self._lock:
                self.counts.retried += len(left)
            # What takes a part has found its pace: with shorter pauses most calls would be for nothing.
            # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html (UnprocessedItems)
            attempt = attempt if applied else attempt + 1
            batch = left
        return False

    def _refused(self, entry: Entry, reason: str, first: bool) -> bool:
        """What becomes of an entry that the service refuses when it is alone."""
        if len(entry.joined) > 1:
            return self._apply(entry.joined, first)
        if self._set_aside is None:
            return self._stop(entry, reason)
        return self._keep(Poison(entry.position, entry.part, reason, REFUSED), first)

    def _keep(self, poison: Poison, first: bool) -> bool:
        """Sets a record aside. Where that fails, it is an outage like any other."""
        if self._set_aside is None:
            return self._stop(poison, poison.reason)
        attempt = 0
        while self._may_call(poison, first):
            try:
                self._set_aside(poison)
            except Exception as error:
                cause_of(error)
                reason = f"{poison.reason}; and it could not be set aside: {describe(error)}"
                self._on_wait(Failure(poison.position, poison.part or 0, reason))
                if not self._budget.pause(attempt):
                    return self._stop(poison, reason)
                attempt += 1
                continue
            with self._lock:
                self.counts.poisoned += 1
                self.aside.add(poison.position)
            return True
        return False

    def _may_call(self, one: Entry | Poison, first: bool) -> bool:
        """Whether to make a call whose lowest entry is `one`; always for the first batch, which nobody precedes.

        Not when a lower failure already decides where Lambda resumes, or when the time ran out, which is noted then.
        """
        if first:
            return True
        failure = self._failure
        if failure is not None and (failure.position, failure.part) < (one.position, one.part or 0):
            return False
        if self._budget.left_s() <= 0:
            return self._stop(one, "not tried, because the invocation's time ran out")
        return True

    def _stop(self, one: Entry | Poison, reason: str) -> bool:
        """Notes a failure at `one`; False, for its caller to return."""
        self._note(Failure(one.position, one.part or 0, reason))
        return False

    def _note(self, failure: Failure) -> None:
        with self._lock:
            if self._failure is None or failure < self._failure:
                self._failure = failure
