"""The protocol of the lanes, whatever happens: see docs/fan-out.md.

Either function is killed at any step or overtaken by another, targets are away, refuse, lose their answers and come
back, shards are split and merged, rows are switched off and on, and entries get too old. Always true:

- no entry is in a lane that is not behind;
- each record that an invocation has answered for is, for each target that was active then, at the target, in its
  backlog, or in the on-failure bucket under its id;
- where an order is kept, the first deliveries of a key are in the order of its records;
- nothing is delivered twice but what was under way when a function was killed, or an answer was lost.

And when all is well again: all lanes are direct, the backlogs are empty, and the last delivery of a key is its newest.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from world import JOINED, SMALL, STREAM, TABLE, Target, World

from handlers.fan_out.packing import Packing

pytestmark = pytest.mark.pure

KEYS = "abcdef"
INDEX = st.integers(0, 30)
MODES = st.sampled_from(["healthy", "healthy", "away", "refusing", "picky", "deaf"])


class Protocol(RuleBasedStateMachine):
    @initialize(source=st.sampled_from([STREAM, TABLE]), parallel=st.sampled_from([1, 2]), lags=st.booleans())
    def begin(self, source: str, parallel: int, lags: bool) -> None:
        targets = [
            Target("ordered", True, Packing(SMALL)),
            Target("loose", False, Packing(SMALL)),
            Target("joined", True, JOINED),
            Target("short", True, Packing(SMALL), retry_s=20.0),
        ]
        self.world = World(targets, source, parallel, lags)
        self.world.shard(frozenset(KEYS[:3]))
        self.world.shard(frozenset(KEYS[3:]))

    def target(self, index: int) -> Target:
        targets = list(self.world.targets.values())
        return targets[index % len(targets)]

    # What comes.

    @rule(keys=st.text(KEYS, min_size=1, max_size=8), poison=st.sampled_from([False] * 5 + [True]))
    def put(self, keys: str, poison: bool) -> None:
        for key in keys:
            self.world.put(key)
        if poison:
            self.world.put(keys[-1], poison=True)

    @rule(index=INDEX)
    def split(self, index: int) -> None:
        shards = [shard for shard in self.world.shards if not shard.closed]
        if len(shards) < 5:
            self.world.split(shards[index % len(shards)])

    @rule(index=INDEX)
    def merge(self, index: int) -> None:
        shards = [shard for shard in self.world.shards if not shard.closed]
        if len(shards) > 1:
            self.world.merge(shards[index % len(shards)], shards[(index + 1) % len(shards)])

    # Who works.

    @precondition(lambda self: self.world.readable())
    @rule(index=INDEX, size=st.integers(1, 6), finish=st.booleans())
    def deliver(self, index: int, size: int, finish: bool) -> None:
        readable = self.world.readable()
        actor = self.world.deliver(readable[index % len(readable)][1], size)
        if finish:
            actor.finish()

    @rule(index=INDEX, finish=st.booleans())
    def sweep(self, index: int, finish: bool) -> None:
        actor = self.world.drain(self.target(index))
        if finish:
            actor.finish()

    @precondition(lambda self: self.world.actors())
    @rule(index=INDEX, steps=st.integers(1, 12))
    def step(self, index: int, steps: int) -> None:
        actors = self.world.actors()
        actors[index % len(actors)].step(steps)

    @precondition(lambda self: self.world.actors())
    @rule(index=INDEX)
    def finish(self, index: int) -> None:
        actors = self.world.actors()
        actors[index % len(actors)].finish()

    @precondition(lambda self: self.world.actors())
    @rule(index=INDEX)
    def kill(self, index: int) -> None:
        actors = self.world.actors()
        self.world.kill(actors[index % len(actors)])

    # What happens to them.

    @rule(index=INDEX, mode=MODES)
    def become(self, index: int, mode: str) -> None:
        self.target(index).mode = mode

    @rule(index=INDEX)
    def switch(self, index: int) -> None:
        target = self.target(index)
        target.active = not target.active

    @rule(away=st.booleans(), lost=st.integers(0, 2))
    def disturb_stores(self, away: bool, lost: int) -> None:
        self.world.stores_away, self.world.lose_answers = away, lost

    @rule(seconds=st.sampled_from([1.0, 15.0, 70.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule()
    def catch_up(self) -> None:
        self.world.lanes.catch_up()

    # What is always true.

    @invariant()
    def no_entry_is_in_a_direct_lane(self) -> None:
        self.world.reap()
        for lane, entries in self.world.lanes.backlog.items():
            assert not entries or self.world.lanes.lanes[lane].behind

    @invariant()
    def nothing_is_lost(self) -> None:
        for target in self.world.targets.values():
            there = {*target.log, *self.world.waiting(target), *self.world.kept(target)}
            assert target.promised <= there

    @invariant()
    def nothing_comes_twice_without_a_reason(self) -> None:
        for target in self.world.targets.values():
            twice = {name for name, times in Counter(target.log).items() if times > 1}
            assert twice <= target.twice

    @invariant()
    def the_first_deliveries_of_a_key_are_in_order(self) -> None:
        for target in self.world.targets.values():
            if target.ordered:
                for numbers in self.by_key(list(dict.fromkeys(target.log))).values():
                    assert numbers == sorted(numbers)

    def by_key(self, names: list[str]) -> dict[str, list[int]]:
        if not hasattr(self, "keys"):
            self.keys: dict[int, str] = {}
        for shard in self.world.shards:
            for cursor in shard.cursors:
                for record in cursor.records:
                    change = record.get("dynamodb", {})
                    kinesis = record.get("kinesis", {})
                    number = int(kinesis.get("sequenceNumber") or change["SequenceNumber"])
                    self.keys[number] = kinesis.get("partitionKey") or change["Keys"]["pk"]["S"]
        found = defaultdict(list)
        for name in names:
            number = int(name.rpartition(":")[2])
            found[self.keys[number]].append(number)
        return found

    # And when all is well again.

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.stores_away, world.lose_answers = False, 0
        for target in world.targets.values():
            target.mode, target.active = "healthy", True
        self.settle()
        assert all(not lane.behind for lane in world.lanes.lanes.values())
        assert all(not world.entries(target) for target in world.targets.values())
        before = {target.id: len(target.log) for target in world.targets.values()}
        for key in KEYS:
            world.put(key)
        while readable := world.readable():
            world.deliver(readable[0][1], 10).finish()
            world.reap()
        for target in world.targets.values():
            assert len(target.log) - before[target.id] == len(KEYS)  # directly, and once
            if target.ordered and target.id not in world.overlapped:
                for numbers in self.by_key(target.log).values():
                    assert numbers[-1] == max(numbers)
        self.nothing_is_lost()
        self.nothing_comes_twice_without_a_reason()
        self.the_first_deliveries_of_a_key_are_in_order()

    def settle(self) -> None:
        world = self.world
        for actor in world.actors():
            actor.finish()
        world.reap()
        rounds = 0
        while True:
            rounds += 1
            assert rounds < 200, "the backlogs do not get empty"
            world.lanes.catch_up()
            behind = any(lane.behind for lane in world.lanes.lanes.values())
            if not behind and not world.readable():
                return
            for _, cursor in world.readable():
                world.deliver(cursor, 10).finish()
            world.reap()
            world.now_s += 61
            for target in world.targets.values():
                world.drain(target).finish()
            for actor in world.actors():
                actor.finish()
            world.reap()


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
