"""A stream, its targets and the two functions, in one thread at a time: a scheduler lets a function take single steps.

A function is stopped before and after each call to a store and each call to a target, so that another one may come in
between, or it be killed there. Time passes only when somebody sleeps or a test says so.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from actors import Actor, KilledError
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from memory import MemoryLanes, MemoryObjects
from stream import POISON, STREAM, Cursor, Stream, rendered

from handlers.fan_out.backlog import BACKLOG_PREFIX, Backlog
from handlers.fan_out.contract import Limits, Refused, Unit
from handlers.fan_out.delivery import Way
from handlers.fan_out.draining import Waiting, drain
from handlers.fan_out.failures import TARGETS_PREFIX, Failures
from handlers.fan_out.inputs import Inputs
from handlers.fan_out.lanes import LaneId
from handlers.fan_out.packing import Packing
from handlers.fan_out.routes import Route
from handlers.fan_out.serving import Batch, Platform, serve_all
from handlers.shared.errors import Cause
from handlers.shared.time_budget import TimeBudget

SOURCE_S, DRAINER_S, PATIENCE_S = 60.0, 120.0, 0.1
AWAY = EndpointConnectionError(endpoint_url="https://away")
UNANSWERED = ReadTimeoutError(endpoint_url="https://slow")


class Stepped:
    """A store whose calls take a step before and after them, and fail as the world says."""

    def __init__(self, store: Any, world: World, actor: Actor) -> None:
        self._store, self._world, self._actor = store, world, actor

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self._actor.park(name)
            if self._world.stores_away:
                raise AWAY
            answer = method(*arguments, **options)
            if self._world.lose_answers > 0:
                self._world.lose_answers -= 1
                raise UNANSWERED
            self._actor.park()
            return answer

        return call


@dataclass
class Target:
    """A target and what happens to it. `mode` is healthy, away, refusing, picky (takes every other unit) or deaf (takes
    units and does not answer). One that is not `direct` gets everything by its backlog. `log` has what it got, `twice`
    what it may get again."""

    id: str
    ordered: bool
    packing: Packing
    retry_s: float = 500.0
    mode: str = "healthy"
    active: bool = True
    direct: bool = True
    gone: bool = False
    log: list[str] = field(default_factory=list)
    promised: set[str] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    calls: int = 0

    def take(self, units: Sequence[Unit]) -> Sequence[Refused]:
        self.calls += 1
        if self.mode == "away":
            raise AWAY
        refused = [Refused(unit, Cause.RECORD, "no") for unit in units if POISON in unit.body]
        if self.mode == "refusing":
            refused = [Refused(unit, Cause.REFUSED, "denied") for unit in units]
        elif self.mode == "picky":
            bad = {one.unit.id for one in refused}
            others = [unit for unit in units if unit.id not in bad]
            refused += [Refused(unit, Cause.TRANSIENT, "busy") for unit in others[self.calls % 2 :: 2]]
        ids = {one.unit.id for one in refused}
        taken = [message.id for unit in units if unit.id not in ids for message in unit.messages]
        self.log += taken
        if self.mode == "deaf":
            self.twice.update(taken)
            raise UNANSWERED
        return refused

    @property
    def healthy(self) -> bool:
        return self.mode == "healthy" and self.active and not self.gone


class World(Stream):
    """Everything there is."""

    def __init__(self, targets: Sequence[Target], source: str = STREAM, parallel: int = 1, lags: bool = False) -> None:
        super().__init__(source, parallel)
        self.now_s = 1000.0
        self.lanes, self.objects = MemoryLanes(lags), MemoryObjects()
        self.targets = {target.id: target for target in targets}
        self.stores_away = False
        self.lose_answers = 0
        self.crashes = 0
        self.drains: dict[str, list[Actor]] = defaultdict(list)
        self.overlapped: set[str] = set()

    # The functions.

    def deliver(self, cursor: Cursor, size: int) -> Actor:
        """An invocation of the source function with the next records of a cursor."""
        records = cursor.records[cursor.at : cursor.at + size]
        routes = [self._route(target) for target in self.targets.values() if target.active and not target.gone]
        asked = [(route.target, [one.id for one in route.render(Inputs(records))]) for route in routes]

        def again() -> None:
            for target, ids in asked:
                self.targets[target].twice.update(ids)

        def work(actor: Actor) -> None:
            ended_s = self.now_s + SOURCE_S
            budget = TimeBudget(lambda: int((ended_s - self.now_s) * 1000), partial(self._sleep, actor))
            batch = Batch(self.source, Inputs(records), lambda position: str(position))
            try:
                for route in routes:
                    route = route._replace(way=route.way._replace(send=self._send(actor, route.target)))
                    actor_routes.append(route)
                served = serve_all(batch, actor_routes, self._platform(actor), budget)
            except BaseException:
                again()
                raise
            failed = [one.failure.position for one in served if one.failure]
            if failed:
                again()
            done = records[: min(failed, default=len(records))]
            cursor.at += len(done)
            for route in routes:
                self.targets[route.target].promised.update(one.id for one in route.render(Inputs(done)))

        actor_routes: list[Route] = []
        cursor.actor = Actor(f"source of {sorted(cursor.keys)}", work)
        return cursor.actor

    def drain(self, target: Target, hint: LaneId | None = None) -> Actor:
        """An invocation of the drainer for a target."""

        def work(actor: Actor) -> None:
            ended_s = self.now_s + DRAINER_S
            budget = TimeBudget(lambda: int((ended_s - self.now_s) * 1000), partial(self._sleep, actor))

            def lookup() -> Route | Waiting | None:
                if target.gone:
                    return None
                route = self._route(target)
                return (
                    route._replace(way=route.way._replace(send=self._send(actor, target.id)))
                    if target.active
                    else Waiting()
                )

            try:
                drained = drain(self.source, target.id, hint, lookup, self._platform(actor), budget)
            except BaseException:
                target.twice.update(self.waiting(target))
                raise
            assert drained.missing == []

        actor = Actor(f"drainer of {target.id}", work)
        self.drains[target.id].append(actor)
        return actor

    def kill(self, actor: Actor) -> None:
        self.crashes += 1
        actor.kill()

    def reap(self) -> None:
        """Forget the invocations that have ended; raise what no function should have raised."""
        for shard in self.shards:
            for cursor in shard.cursors:
                if cursor.actor and cursor.actor.ended:
                    self._check(cursor.actor)
                    cursor.actor = None
        for actors in self.drains.values():
            for actor in [one for one in actors if one.ended]:
                self._check(actor)
                actors.remove(actor)

    def actors(self) -> list[Actor]:
        cursors = (cursor for shard in self.shards for cursor in shard.cursors)
        running = [cursor.actor for cursor in cursors if cursor.actor]
        return [*running, *(actor for actors in self.drains.values() for actor in actors)]

    def pass_time(self, seconds: float) -> None:
        """Leases may run out while their holders are under way: then two may drain one target."""
        self.now_s += seconds
        for target, actors in self.drains.items():
            if actors and seconds >= 10:
                self.overlapped.add(target)
                self.targets[target].twice.update(self.waiting(self.targets[target]))

    @staticmethod
    def _check(actor: Actor) -> None:
        if actor.error and not isinstance(actor.error, KilledError | EndpointConnectionError | ReadTimeoutError):
            raise actor.error

    def _platform(self, actor: Actor) -> Platform:
        objects = Stepped(self.objects, self, actor)
        backlog = Backlog(Stepped(self.lanes, self, actor), objects, lambda: self.now_s)
        nudge: Callable[[LaneId], None] = lambda lane: self._nudged(lane)  # noqa: E731
        failures = Failures(objects, "fanout")
        return Platform(backlog, failures, nudge, PATIENCE_S, None, lambda: self.now_s, partial(self._sleep, actor))

    def _nudged(self, lane: LaneId) -> None:
        if not self.drains[lane.target]:
            self.drain(self.targets[lane.target], lane)

    def _route(self, target: Target) -> Route:
        way = Way(target.take, target.packing.limits, target.ordered, apart=target.packing.apart)
        return Route(target.id, way, rendered, target.packing.units, int(target.retry_s), direct=target.direct)

    def _send(self, actor: Actor, target: str) -> Callable[[Sequence[Unit]], Sequence[Refused]]:
        def send(units: Sequence[Unit]) -> Sequence[Refused]:
            actor.park()
            refused = self.targets[target].take(units)
            actor.park()
            return refused

        return send

    def _sleep(self, actor: Actor, seconds: float) -> None:
        actor.park()
        self.now_s += seconds

    # What is where.

    def waiting(self, target: Target) -> set[str]:
        """The ids of the messages in a target's backlog."""
        return {row["id"] for entry in self.entries(target) for row in json.loads(self.objects.kept[entry])["messages"]}

    def entries(self, target: Target) -> list[str]:
        lanes = self.lanes.backlog.items()
        return [entry.object for lane, entries in lanes if lane.target == target.id for entry in entries.values()]

    def kept(self, target: Target) -> set[str]:
        """The ids of the messages in the on-failure bucket under a target's id."""
        prefix = f"{TARGETS_PREFIX}{target.id}/"
        bodies = (json.loads(body) for key, body in self.objects.kept.items() if key.startswith(prefix))
        return {row["id"] for body in bodies for row in body["messages"]}

    def orphans(self) -> set[str]:
        """Objects of backlogs that nobody names."""
        named = {entry for target in self.targets.values() for entry in self.entries(target)}
        return {key for key in self.objects.kept if key.startswith(BACKLOG_PREFIX)} - named


SMALL = Limits(call_units=3, call_bytes=1000, unit_bytes=100)
JOINED = Packing(Limits(call_units=3, call_bytes=1000, unit_bytes=12), "concat")
