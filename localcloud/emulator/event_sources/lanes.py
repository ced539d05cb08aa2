"""Reads one shard and sends its records to the function, batch by batch, in order.

A shard has ParallelizationFactor lanes; records of one key always take the same lane, and a lane has one batch in
flight.
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (polling and batching) and …/with-ddb.html
"""

import logging
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from localcloud.emulator.event_sources.access import CannotReadError
from localcloud.emulator.event_sources.attempts import Attempt, after_failure, too_old
from localcloud.emulator.event_sources.delivery import Delivered, Delivery, Failed, NotInvoked, Outcome
from localcloud.emulator.event_sources.destinations import RETRIES_EXHAUSTED, TOO_OLD
from localcloud.emulator.event_sources.filters import wanted
from localcloud.emulator.event_sources.pauses import pause_s
from localcloud.emulator.event_sources.records import MAX_PAYLOAD_BYTES, StreamRecord, within_payload
from localcloud.emulator.event_sources.settings import Settings
from localcloud.emulator.event_sources.sources import Chunk, Source, SourceNotFoundError

# How far lanes may run ahead of the slowest one of their shard, in records.
LOOK_AHEAD = 10_000
# How long a lane waits before it asks again for what it may not read.
REFUSED_WAIT_S = 0.5


class Owner(Protocol):
    """What shards and lanes ask of the mapping that they work for."""

    id: str
    settings: Settings
    source: Source
    delivery: Delivery
    running: bool
    stopped: bool

    def read(self, shard: "Shard", limit: int) -> Chunk:
        """Records of a shard. Raises CannotReadError and SourceNotFoundError."""

    def report(self, result: str) -> None:
        """Note the result of the last attempt."""

    def readable(self) -> None:
        """A read has worked."""

    def unreadable(self, error: Exception) -> None:
        """A read was refused."""

    def lane_rests(self) -> None:
        """A lane has nothing in flight."""

    def lane_stopped(self, lane: "Lane") -> None:
        """A lane has ended."""


class Shard:
    """One shard of a mapping: how far it is read, and the lanes that its records were handed to."""

    def __init__(self, mapping: Owner, shard_id: str, position: int, lane: "Callable[[Shard, int], Lane]") -> None:
        self.mapping = mapping
        self._make_lane = lane
        self.shard_id = shard_id
        self.position = position
        self.ended = False
        self._lock = threading.Lock()
        self.lanes: list[Lane] = []

    def start(self) -> None:
        """Start as many lanes as the mapping says, with what former lanes left."""
        left = sorted((record for lane in self.lanes for record in lane.left()), key=lambda record: record.position)
        self.lanes = [self._make_lane(self, number) for number in range(self.mapping.settings.lanes)]
        for record in left:
            self._lane_of(record).pending.append(record)
        for lane in self.lanes:
            lane.start()

    def fill(self, lane: "Lane") -> None:
        """Read on until the lane has a batch, there is no more, or another lane is too far behind.

        Raises CannotReadError and SourceNotFoundError.
        """
        settings = self.mapping.settings
        with self._lock:
            while len(lane.pending) < settings.batch_size and not self.ended:
                behind = max(len(one.pending) for one in self.lanes)
                if len(self.lanes) > 1 and behind >= LOOK_AHEAD:
                    return
                chunk = self.mapping.read(self, settings.batch_size * len(self.lanes) - len(lane.pending))
                chosen = [record for record in chunk.records if wanted(record.event, settings.patterns)]
                for record in chosen:
                    taker = self._lane_of(record)
                    taker.pending.append(record)
                    if taker is not lane:
                        taker.woken.set()
                self.mapping.delivery.count_polled(len(chunk.records))
                self.mapping.delivery.count("FilteredOutEventCount", len(chunk.records) - len(chosen))
                # Only now, so that a lane that sees the end sees all its records as well.
                self.position, self.ended = chunk.next_position, chunk.ended
                if not chunk.records:
                    break
            if self.ended:
                for other in self.lanes:
                    if other is not lane:
                        other.woken.set()

    def wake(self) -> None:
        for lane in self.lanes:
            lane.woken.set()

    def is_busy(self) -> bool:
        return any(lane.busy for lane in self.lanes)

    def is_finished(self) -> bool:
        """Closed, read to its end, and every record done."""
        return self.ended and not any(True for lane in self.lanes for _ in lane.left())

    def _lane_of(self, record: StreamRecord) -> "Lane":
        return self.lanes[zlib.crc32(record.key.encode()) % len(self.lanes)]


class Lane(threading.Thread):
    """One batch of a shard at a time, until the mapping stops it. Paused, it keeps what it has and where it was."""

    def __init__(self, shard: Shard, number: int) -> None:
        super().__init__(daemon=True, name=f"mapping-{shard.mapping.id[:8]}-{shard.shard_id[-4:]}-{number}")
        self.shard = shard
        self.mapping = shard.mapping
        self.pending: deque[StreamRecord] = deque()
        self.attempts: list[Attempt] = []  # the next one last
        self.woken = threading.Event()
        self.last_failure: Failed | None = None
        self.busy = False
        self.retired = False
        self.ended = False

    def left(self) -> Iterator[StreamRecord]:
        """The records that were handed to this lane and are not done."""
        for attempt in reversed(list(self.attempts)):
            yield from attempt.records
        yield from list(self.pending)

    def run(self) -> None:
        while self.may_go_on():
            try:
                if self.attempts:
                    self._work()
                elif not self._gather():
                    break
            except Exception as error:  # the shard must go on, whatever one invocation met
                logging.getLogger(__name__).exception("lane %s", self.name)
                self.mapping.report(f"PROBLEM: {error}")
                self.pause(pause_s(4))
        self.busy = False
        self.mapping.lane_stopped(self)

    def may_go_on(self) -> bool:
        """Wait while the mapping is paused; False when this lane is to stop."""
        while not self.stopping and not self.mapping.running:
            self.busy = False
            self.mapping.lane_rests()
            self.woken.wait()
            self.woken.clear()
        return not self.stopping

    @property
    def stopping(self) -> bool:
        return self.retired or self.mapping.stopped

    def _gather(self) -> bool:
        """Wait for a batch and make it the next attempt; False when the shard has no more for this lane.

        A batch is full at BatchSize records or 6 MB; otherwise it waits for MaximumBatchingWindowInSeconds from its
        first record on.
        https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html (batching behavior)
        """
        due: float | None = None
        measured = measured_bytes = 0
        while self.mapping.running and not self.stopping:
            self.woken.clear()
            settings = self.mapping.settings
            wait_s: float | None = None
            try:
                self.shard.fill(self)
                self.mapping.readable()
            except (CannotReadError, SourceNotFoundError) as error:
                self.mapping.unreadable(error)
                wait_s = REFUSED_WAIT_S
            ended = self.shard.ended
            gathering_s = self.between_batches()
            if self.pending:
                due = due or time.monotonic() + settings.window_s
                while measured < min(settings.batch_size, len(self.pending)):
                    measured_bytes += self.pending[measured].size_hint
                    measured += 1
                wait_s = due - time.monotonic()
                if measured >= settings.batch_size or measured_bytes > MAX_PAYLOAD_BYTES or wait_s <= 0 or ended:
                    self._take(settings.batch_size)
                    return True
            elif ended and gathering_s is None:
                return False
            self.woken.wait(min((one for one in (wait_s, gathering_s) if one is not None), default=None))
        return True

    def _take(self, batch_size: int) -> None:
        """Make the next attempt of as many pending records as one batch may have."""
        self.busy = True
        head = [self.pending[at] for at in range(min(batch_size, len(self.pending)))]
        head = head[: self.together(head)]
        count = within_payload(head)
        self.attempts = [Attempt(tuple(head[:count]))]
        for _ in range(count):
            self.pending.popleft()

    def between_batches(self) -> float | None:
        """What a kind of lane does before it makes a batch; returns in how many seconds to do it again, if at all."""
        return None

    def together(self, records: Sequence[StreamRecord]) -> int:
        """How many of the leading records may be in one batch."""
        return len(records)

    def send(self, records: Sequence[StreamRecord]) -> Outcome:
        """Invoke the function with a batch."""
        return self.mapping.delivery.invoke(records)

    def _work(self) -> None:
        """Make the next attempt and decide what follows from it."""
        attempt, settings = self.attempts[-1], self.mapping.settings
        self.busy = True
        old = too_old(attempt.records, settings.maximum_age_s, time.time())
        if old:
            if self._give_up(Attempt(attempt.records[:old], attempt.failures, attempt.invocations), TOO_OLD):
                rest = attempt.records[old:]
                self._replace([Attempt(rest, attempt.failures, attempt.invocations)] if rest else [])
            return
        outcome = self.send(attempt.records)
        match outcome:
            case Delivered():
                self.last_failure = None
                self._replace([])
            case NotInvoked():
                # Nothing reached the function, so it counts for nothing.
                self.mapping.report(outcome.problem)
                self.pause(pause_s(4))
                return
            case Failed(failed_from=failed_from):
                self.last_failure = outcome
                following = after_failure(attempt, failed_from, settings)
                self.mapping.report(outcome.problem)
                discarded = following.discarded
                if discarded is not None and not self._give_up(discarded, RETRIES_EXHAUSTED):
                    self._replace([discarded])
                    return
                self._replace(list(following.attempts))
                self.pause(following.wait_s)
                return
        self.mapping.report("OK")

    def _replace(self, following: list[Attempt]) -> None:
        self.attempts = [*self.attempts[:-1], *reversed(following)]
        self.busy = bool(self.attempts)

    def _give_up(self, attempt: Attempt, condition: str) -> bool:
        """Hand over to the destination, as often as it takes; False when this lane was stopped before that."""
        while self.may_go_on():
            self.busy = True
            failed = self.last_failure if attempt.invocations else None
            problem = self.mapping.delivery.give_up(attempt, condition, failed, self.shard.shard_id)
            if problem is None:
                return True
            self.mapping.report(problem)
            self.pause(pause_s(4))
        return False

    def pause(self, wait_s: float) -> None:
        """Wait, but not beyond being stopped or paused."""
        until = time.monotonic() + wait_s
        while self.mapping.running and not self.stopping:
            left = until - time.monotonic()
            if left <= 0:
                return
            self.woken.clear()
            self.woken.wait(left)
