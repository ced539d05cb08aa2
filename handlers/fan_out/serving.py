"""What the function on the source does with a batch for one target: deliver it, or put it into the target's backlog.

A record is done with when, for every target, each of its messages is delivered, or in an entry of the target's backlog,
or in the on-failure bucket under the target's id. What is not done with when the time is over comes again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple, TypeVar

from handlers.fan_out.backlog import Backlog
from handlers.fan_out.contract import Message
from handlers.fan_out.delivery import Patience
from handlers.fan_out.failures import Failures
from handlers.fan_out.inputs import Inputs
from handlers.fan_out.lanes import Lane, LaneId, begin
from handlers.fan_out.routes import Route, deliver_to
from handlers.shared.errors import cause_of, describe
from handlers.shared.poison import Poison
from handlers.shared.streams import Failure
from handlers.shared.time_budget import TimeBudget

__all__ = ["Batch", "Platform", "Served", "patiently", "serve_all"]

T = TypeVar("T")
Record = Mapping[str, Any]


class Batch(NamedTuple):
    """The records of one shard of a stream, whose ARN is `source`; `number` gives the sequence number of a record by
    its position."""

    source: str
    inputs: Inputs
    number: Callable[[int], str]

    def record(self, position: int, part: int | None) -> Record:
        """A record by its position; of an aggregate only the one of that index."""
        record = self.inputs.records[position]
        if part is None:
            return record
        from handlers.shared.kinesis_records import alone

        return alone(record, part)


class Platform(NamedTuple):
    """What all targets have in common. `nudge` wakes the drainer for a lane that fell behind, and raises nothing;
    `patience_s` is how long a target on its direct lane is tried, `helpers` lends threads."""

    backlog: Backlog
    failures: Failures
    nudge: Callable[[LaneId], None]
    patience_s: float
    helpers: Executor | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def patience(self, seconds: float) -> Patience:
        """A patience that begins now."""
        return Patience(self.clock() + seconds, self.clock, self.sleep)


class Served:
    """What became of a batch at one target, in messages; `failure` is the first that is not done with."""

    def __init__(self, target: str, failure: Failure | None = None) -> None:
        self.target, self.failure, self.reason = target, failure, ""
        self.delivered = self.retried = self.backlogged = self.poisoned = self.calls = 0


def patiently(call: Callable[[], T], budget: TimeBudget) -> T:
    """Makes a call to what the platform itself needs until it succeeds; raises its error when the time is over."""
    attempt = 0
    while True:
        try:
            return call()
        except Exception as error:
            cause_of(error)
            if not budget.pause(attempt):
                raise
            attempt += 1


def serve_all(batch: Batch, routes: Sequence[Route], platform: Platform, budget: TimeBudget) -> list[Served]:
    """Serves the targets side by side. Raises what botocore raises when the lanes cannot be read."""
    lanes = patiently(lambda: platform.backlog.lanes.of_shard(batch.source, batch.inputs.shard), budget)

    def serve(route: Route) -> Served:
        return _Serving(route, batch, platform, budget).serve(lanes.get(route.target))

    if platform.helpers is None or len(routes) == 1:
        return [serve(route) for route in routes]
    return list(platform.helpers.map(serve, routes))


class _Serving:
    """One batch at one target. `_pending` and `_poison` are what has still to be done with."""

    def __init__(self, route: Route, batch: Batch, platform: Platform, budget: TimeBudget) -> None:
        self._route, self._batch, self._platform, self._budget = route, batch, platform, budget
        self._id = LaneId(batch.source, batch.inputs.shard, route.target)
        self._pending: Sequence[Message] = ()
        self._poison: list[Poison | tuple[Message, str]] = []
        self._served = Served(route.target)

    def serve(self, lane: Lane | None) -> Served:
        rendered = list(self._route.render(self._batch.inputs))
        self._pending = [one for one in rendered if isinstance(one, Message)]
        self._poison = [one for one in rendered if isinstance(one, Poison)]
        try:
            if self._pending:
                self._take(lane or self._begin())
            while self._poison:
                self._keep(self._poison[-1])
                self._poison.pop()
        except Exception as error:
            cause_of(error)
            position, part = min(self._places())
            self._served.failure = Failure(position, part, f"the platform itself waits: {describe(error)}")
        return self._served

    def _begin(self) -> Lane:
        backlog = self._platform.backlog
        return patiently(lambda: begin(backlog.lanes, self._id, self._route.way.ordered, backlog.clock()), self._budget)

    def _take(self, lane: Lane) -> None:
        """Sees to it that all messages are delivered or in the backlog.

        While this batch was made ready the target may have caught up: then its lane is direct, and has no entries. One
        that may take longer than others should wait falls behind with each batch, for the drainer to deliver at once.
        """
        while self._pending:
            if not lane.behind and self._route.direct:
                self._deliver()
            if self._pending and not self._append(falls=not lane.behind):
                lane = lane._replace(behind=False)

    def _deliver(self) -> None:
        seconds = min(self._platform.patience_s, self._budget.left_s())
        outcome = deliver_to(self._route, self._pending, self._platform.patience(seconds), self._platform.helpers)
        self._pending = outcome.left
        self._poison += outcome.poison
        self._served.delivered += outcome.delivered
        self._served.retried += outcome.retried
        self._served.calls += outcome.calls
        self._served.reason = outcome.reason

    def _append(self, falls: bool) -> bool:
        """Puts what is pending into the backlog; False when the lane must be behind for that, and is not any more."""
        backlog = self._platform.backlog
        entry = patiently(lambda: backlog.store(self._id, self._pending), self._budget)
        if not patiently(lambda: backlog.lanes.append(entry, falls), self._budget):
            patiently(lambda: backlog.objects.delete([entry.object]), self._budget)
            return False
        self._served.backlogged += len(self._pending)
        self._pending = ()
        if falls:
            self._platform.nudge(self._id)
        return True

    def _keep(self, poison: Poison | tuple[Message, str]) -> None:
        failures, batch = self._platform.failures, self._batch
        if isinstance(poison, Poison):
            record = batch.record(poison.position, poison.part)
            number = batch.number(poison.position)
            patiently(lambda: failures.keep_record(self._id, number, poison, record), self._budget)
        else:
            message, reason = poison
            record = batch.record(message.position, message.part)
            patiently(lambda: failures.keep_message(self._id, message, reason, record), self._budget)
        self._served.poisoned += 1

    def _places(self) -> Iterable[tuple[int, int]]:
        """Where what is not done with is: the positions and the indexes in their aggregates."""
        poison = (one if isinstance(one, Poison) else one[0] for one in self._poison)
        return ((one.position, one.part or 0) for one in (*self._pending, *poison))
