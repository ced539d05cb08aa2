"""Works off the backlog of one target: the entries of each of its lanes in order, until nothing is left.

The way of the data: lanes behind -> their oldest entries -> messages -> calls -> entries removed, or shortened to what
is left -> lanes that have no entries become direct.

A round takes entries of all lanes together, so that calls are full. A round in which the target took nothing is the
last one: a sweep begins again within a minute, which costs less than to wait in an invocation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import NamedTuple, TypeVar
from uuid import uuid4

from handlers.fan_out.contract import Message
from handlers.fan_out.delivery import Outcome
from handlers.fan_out.lanes import Entry, LaneId, Lease, is_blocked
from handlers.fan_out.routes import Route, deliver_to
from handlers.fan_out.rows import DAY_S
from handlers.fan_out.serving import Platform, patiently
from handlers.shared.clients import READ_TIMEOUT_S
from handlers.shared.time_budget import TimeBudget

__all__ = ["Drained", "Waiting", "drain"]

T = TypeVar("T")
R = TypeVar("R")

LEASE_S = 60.0
# A call that has begun may last so much longer than its answer may take, with a time-out for the connection before it.
# Lease and invocation must outlast it.
CALL_SPARE_S = 4.0
ROUND_S = 10.0
ROUND_BYTES = 4_000_000
ROUND_ENTRIES = 100
# How long a target that took nothing in the round before is tried for entries that are too old anyway.
LAST_CHANCE_S = 1.0
GONE = "no row of the mapping table has this target any more"


class Waiting:
    """What stands for a target whose row is not active: its backlog is left as it is."""


# The way to the target; None when it has no row any more.
Lookup = Callable[[], Route | Waiting | None]


@dataclass
class Drained:
    """What became of a backlog, in messages.

    `released` counts the lanes that became direct, `more` says whether the time ran out while it went well, and
    `missing` names objects that were gone before they were delivered, which is nobody's right but the drainer's.
    """

    delivered: int = 0
    retried: int = 0
    poisoned: int = 0
    undelivered: int = 0
    calls: int = 0
    released: int = 0
    reason: str = ""
    more: bool = False
    missing: list[str] = field(default_factory=list)


class _Loaded(NamedTuple):
    entry: Entry
    messages: Sequence[Message]


def drain(
    source: str, target: str, hint: LaneId | None, lookup: Lookup, platform: Platform, budget: TimeBudget
) -> Drained:
    """Drains the lanes of a target that are behind, and `hint`, which the index may not show yet.

    Nothing happens while somebody else has the target's lease. Raises what botocore raises when the platform's own
    table or bucket is away for too long.
    """
    drainage = _Drainage(source, target, hint, platform, budget)
    if not drainage.hold():
        return drainage.drained
    while drainage.round(lookup()):
        if budget.left_s() <= 0:
            drainage.drained.more = True
            break
        if not drainage.hold():
            return drainage.drained
    drainage.let_go()
    return drainage.drained


class _Drainage:
    """A drain that has the lease, or asks for it."""

    def __init__(self, source: str, target: str, hint: LaneId | None, platform: Platform, budget: TimeBudget) -> None:
        self.drained = Drained()
        self._source, self._target, self._hint = source, target, hint
        self._platform, self._budget = platform, budget
        self._backlog, self._lanes = platform.backlog, platform.backlog.lanes
        self._holder = uuid4().hex
        self._lease_until_s = 0.0
        self._patience_s = ROUND_S

    def hold(self) -> bool:
        """Take or renew the lease; False when it is somebody else's."""
        now_s = self._backlog.clock()
        lease = Lease(self._source, self._target, self._holder, now_s + LEASE_S)
        self._lease_until_s = self._platform.clock() + LEASE_S
        return self._patiently(lambda: self._lanes.take(lease, now_s))

    def let_go(self) -> None:
        """Give the lease back."""
        self._patiently(lambda: self._lanes.give(Lease(self._source, self._target, self._holder, 0)))

    def round(self, route: Route | Waiting | None) -> bool:
        """Delivers the oldest entries; whether another round is worth while."""
        if isinstance(route, Waiting):
            return False
        entries, came_in = self._oldest()
        loaded, changed = self._loaded(entries)
        if route is None:
            given_up = self._each(lambda one: self._give_up(one, one.messages, GONE, DAY_S), loaded)
            return came_in or changed or any(given_up)
        outcome = self._deliver(route, [message for one in loaded for message in one.messages])
        lanes = {message.id: one.entry.lane for one in loaded for message in one.messages}
        self._each(lambda poison: self._keep(lanes[poison[0].id], *poison), outcome.poison)
        settled = self._each(lambda one: self._settle(one, outcome, route.retry_s), loaded)
        return came_in or changed or any(settled)

    def _oldest(self) -> tuple[list[Entry], bool]:
        """The oldest entries of the lanes, and whether a lane got entries while it was found to have none."""
        lanes = {lane for lane, _ in self._patiently(lambda: list(self._lanes.behind()))}
        ours = {lane for lane in lanes if (lane.source, lane.target) == (self._source, self._target)}
        found = self._each(self._oldest_of, sorted({*ours, self._hint} if self._hint else ours))
        # One of each lane, then the next of each: of each lane the oldest, in their order.
        taken, size_bytes = list[Entry](), 0
        for entry in chain.from_iterable(zip_longest(*(entries for entries, _ in found))):
            if entry is not None:
                size_bytes += entry.size_bytes
                if taken and (size_bytes > ROUND_BYTES or len(taken) == ROUND_ENTRIES):
                    break
                taken.append(entry)
        return taken, any(came_in for _, came_in in found)

    def _oldest_of(self, lane_id: LaneId) -> tuple[Sequence[Entry], bool]:
        # The version is read before the entries: whatever comes in after that changes it.
        lane = self._patiently(lambda: self._lanes.get(lane_id))
        if lane is None or not lane.behind or self._patiently(lambda: is_blocked(self._lanes, lane)):
            return (), False
        entries = self._patiently(lambda: self._lanes.entries(lane_id, ROUND_ENTRIES))
        if entries:
            return entries, False
        released = self._patiently(lambda: self._lanes.release(lane))
        self.drained.released += released
        return (), not released

    def _loaded(self, entries: Sequence[Entry]) -> tuple[list[_Loaded], bool]:
        """The entries with their messages, and whether one was changed meanwhile. What is left of that one comes before
        the others of its lane, which therefore wait for the next round."""
        loaded: list[_Loaded] = []
        changed: set[LaneId] = set()
        for entry, messages in zip(entries, self._each(self._load, entries), strict=True):
            if messages is None:
                changed.add(entry.lane)
            elif entry.lane not in changed:
                loaded.append(_Loaded(entry, messages))
        return loaded, bool(changed)

    def _load(self, entry: Entry) -> Sequence[Message] | None:
        messages = self._patiently(lambda: self._backlog.load(entry))
        # Another drainer, whose lease we have now, may have delivered or shortened it just before.
        if messages is None and self._patiently(lambda: self._lanes.remove(entry)):
            self.drained.missing.append(entry.object)
            self.drained.undelivered += entry.messages
        return messages

    def _deliver(self, route: Route, messages: Sequence[Message]) -> Outcome:
        lease_s = self._lease_until_s - self._platform.clock() - route.answer_s - CALL_SPARE_S
        # The budget keeps back the time of a usual call.
        left_s = self._budget.left_s() - max(0.0, route.answer_s - READ_TIMEOUT_S)
        seconds = min(self._patience_s, lease_s, left_s)
        patience, helpers = self._platform.patience(seconds), self._platform.helpers
        outcome = deliver_to(route, messages, patience, helpers)
        self._patience_s = ROUND_S if outcome.progressed else LAST_CHANCE_S
        self.drained.delivered += outcome.delivered
        self.drained.retried += outcome.retried
        self.drained.calls += outcome.calls
        self.drained.reason = outcome.reason or self.drained.reason
        return outcome

    def _keep(self, lane: LaneId, message: Message, reason: str) -> None:
        self._patiently(lambda: self._platform.failures.keep_message(lane, message, reason))
        self.drained.poisoned += 1

    def _settle(self, one: _Loaded, outcome: Outcome, retry_s: float) -> bool:
        """Takes note of what became of an entry; whether anything did."""
        left_ids = {message.id for message in outcome.left}
        left = [message for message in one.messages if message.id in left_ids]
        if len(left) < len(one.messages):
            self._shorten(one.entry, left)
            return True
        # What was not tried, because there was no time for it, has still to be; not at a target that takes nothing.
        hopeless = [message for message in left if message.id in outcome.tried or not outcome.progressed]
        return bool(outcome.calls) and self._give_up(one, hopeless, outcome.reason, retry_s)

    def _give_up(self, one: _Loaded, hopeless: Sequence[Message], reason: str, retry_s: float) -> bool:
        """Keeps what waited for longer than it should; False when it waits on."""
        if not hopeless or self._backlog.clock() - one.entry.put_s <= retry_s:
            return False
        self._patiently(lambda: self._platform.failures.keep_undelivered(one.entry.lane, hopeless, reason))
        self.drained.undelivered += len(hopeless)
        kept = {message.id for message in hopeless}
        self._shorten(one.entry, [message for message in one.messages if message.id not in kept])
        return True

    def _shorten(self, entry: Entry, left: Sequence[Message]) -> None:
        """Keeps only what is left of an entry. Another drainer may have done so, then its word counts."""
        if left:
            changed = self._patiently(lambda: self._backlog.shorten(entry, left))
        else:
            changed = self._patiently(lambda: self._lanes.remove(entry))
        if changed:
            self._patiently(lambda: self._backlog.objects.delete([entry.object]))

    def _patiently(self, call: Callable[[], T]) -> T:
        return patiently(call, self._budget)

    def _each(self, work: Callable[[R], T], some: Sequence[R]) -> list[T]:
        """Does the same for several things, side by side where there are threads."""
        helpers = self._platform.helpers
        return [work(one) for one in some] if helpers is None or len(some) < 2 else list(helpers.map(work, some))
