"""The protocol of the lanes, whatever happens: see docs/fan-out.md.

Either function is killed at any step or overtaken by another, targets are away, refuse, lose their answers and come
back, shards are split and merged, rows are switched off and on, and entries get too old. Always true:

- no entry is in a lane that is not behind;
- each record that an invocation has answered for is, for each target that was active then, at the target, in its
  backlog, or in the on-failure bucket under its id;
- where an order is kept, the first deliveries of a key are in the order of its records (but for what was given up);
- nothing is delivered twice but what was under way when a function was killed, or an answer was lost.

And when all is well again: all lanes are direct, the backlogs are empty, and the last delivery of a key is its newest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from actors import Actor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream import STREAM, TABLE, Shard
from world import JOINED, SMALL, Target, World

from handlers.fan_out import draining
from handlers.fan_out.packing import Packing

pytestmark = pytest.mark.pure

KEYS = "abcd"
KINDS = {
    "ordered": lambda: Target("ordered", True, Packing(SMALL)),
    "loose": lambda: Target("loose", False, Packing(SMALL)),
    "joined": lambda: Target("joined", True, JOINED),
    "slow": lambda: Target("slow", True, Packing(SMALL), direct=False),
    "short": lambda: Target("short", True, Packing(SMALL), retry_s=20.0),
}
INDEX = st.integers(0, 11)
MODES = st.sampled_from(["away", "away", "healthy", "healthy", "refusing", "picky", "deaf"])
EVENTS = st.one_of(
    st.tuples(st.just("become"), INDEX, MODES),
    st.tuples(st.just("become"), INDEX, st.sampled_from(["away", "healthy"])),
    st.tuples(st.just("split"), INDEX),
    st.tuples(st.just("merge"), INDEX),
    st.tuples(st.just("switch"), INDEX, st.sampled_from([True, True, False])),
    st.tuples(st.just("poison"), st.sampled_from(KEYS)),
    st.tuples(st.just("disturb_stores"), st.booleans(), st.integers(0, 3)),
    st.tuples(st.just("pass_time"), st.sampled_from([1.0, 15.0, 70.0])),
    st.tuples(st.just("catch_up")),
)
# After these the world is another one.
DECISIVE = {"append", "create", "release", "remove", "replace", "entries"}
# What happens, and how many turns are taken then, by whom.
EPISODES = st.tuples(
    st.lists(EVENTS, max_size=3),
    st.sampled_from([50, 200, 400]),
    st.integers(0, 2**16),
)


class Story:
    """A world and what happens in it."""

    def __init__(self, targets: list[Target], source: str, parallel: int, lags: bool) -> None:
        self.world = World(targets, source, parallel, lags)
        self.world.shard(frozenset(KEYS[:2]))
        self.world.shard(frozenset(KEYS[2:]))
        self.keys: dict[int, str] = {}

    def target(self, index: int) -> Target:
        targets = list(self.world.targets.values())
        return targets[index % len(targets)]

    def put(self, keys: str) -> None:
        for key in keys:
            self.keys[self.world.put(key)] = key

    def work(self, turns: int, seed: int) -> None:
        """Records come, invocations begin, and they and those before them take steps in turn; some are killed.

        One that is about to change a lane may be held there, for others to come in between.
        """
        random = Random(seed)
        held: dict[Actor, int] = {}
        busy = random.randint(1, 3)
        for turn in range(turns):
            actors = [one for one in self.world.actors() if not one.ended and held.get(one, 0) <= turn]
            if len(actors) < busy or random.random() < 0.02:
                self.begin(random)
                continue
            actor = random.choice(actors)
            if random.random() < 0.003:
                self.world.kill(actor)
            elif actor.before in DECISIVE and actor not in held and random.random() < 0.3:
                held[actor] = turn + random.randint(5, 60)
            else:
                actor.step()
                held.pop(actor, None)
            self.world.reap()
            self.check_lanes()

    def begin(self, random: Random) -> None:
        target = random.choice(list(self.world.targets.values()))
        if not any(self.world.drains.values()):
            # The lease of one that was killed is over.
            self.world.now_s += random.choice((0, 61))
        if random.random() < 0.1:
            target.mode = random.choice(("healthy", "away"))
        if random.random() < (0.05 if self.world.drains[target.id] else 0.6):
            self.world.drain(target)
            return
        self.put(random.choice(KEYS))
        if readable := self.world.readable():
            self.world.deliver(random.choice(readable)[1], random.randint(1, 4))

    # What happens.

    def become(self, index: int, mode: str) -> None:
        self.target(index).mode = mode

    def split(self, index: int) -> None:
        shards = self.open_shards()
        if len(shards) < 4:
            self.world.split(shards[index % len(shards)])

    def merge(self, index: int) -> None:
        shards = self.open_shards()
        if len(shards) > 1:
            self.world.merge(shards[index % len(shards)], shards[(index + 1) % len(shards)])

    def switch(self, index: int, active: bool) -> None:
        self.target(index).active = active

    def poison(self, key: str) -> None:
        self.keys[self.world.put(key, poison=True)] = key

    def disturb_stores(self, away: bool, lost: int) -> None:
        self.world.stores_away, self.world.lose_answers = away, lost

    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    def catch_up(self) -> None:
        self.world.lanes.catch_up()

    def open_shards(self) -> list[Shard]:
        return [shard for shard in self.world.shards if not shard.closed]

    # What is always true.

    def check_lanes(self) -> None:
        for lane, entries in self.world.lanes.backlog.items():
            assert not entries or self.world.lanes.lanes[lane].behind, "an entry is in a direct lane"

    def check(self) -> None:
        self.check_lanes()
        for target in self.world.targets.values():
            there = {*target.log, *self.world.waiting(target), *self.world.kept(target)}
            assert target.promised <= there, "something is lost"
            twice = {name for name, times in Counter(target.log).items() if times > 1}
            assert twice <= target.twice, "something came twice for no reason"
            # What was given up, and comes again with its batch, has lost its place.
            first = [name for name in dict.fromkeys(target.log) if name not in self.world.kept(target)]
            for numbers in self.by_key(first) if target.ordered else ():
                assert numbers == sorted(numbers), "a later record was delivered before an earlier one"

    def by_key(self, names: list[str]) -> Iterator[list[int]]:
        found = defaultdict(list)
        for name in names:
            number = int(name.rpartition(":")[2])
            found[self.keys[number]].append(number)
        return iter(found.values())

    # And when all is well again.

    def end(self) -> None:
        world = self.world
        self.disturb_stores(False, 0)
        for target in world.targets.values():
            target.mode, target.active = "healthy", True
        self.settle()
        assert not any(lane.behind for lane in world.lanes.lanes.values())
        assert not any(world.entries(target) for target in world.targets.values())
        before = {target.id: len(target.log) for target in world.targets.values()}
        self.put(KEYS)
        while readable := world.readable():
            world.deliver(readable[0][1], 10).finish()
            world.reap()
        for target in world.targets.values():
            assert len(target.log) - before[target.id] == (len(KEYS) if target.direct else 0)
        self.settle()
        for target in world.targets.values():
            assert len(target.log) - before[target.id] == len(KEYS)  # once
            for numbers in self.by_key(target.log) if target.ordered and target.id not in world.overlapped else ():
                assert numbers[-1] == max(numbers), "an old record came last"
        self.check()

    def settle(self) -> None:
        """Sweeps, and the mapping delivers, until there is nothing to do."""
        world = self.world
        for _ in range(100):
            for actor in world.actors():
                actor.finish()
            world.reap()
            world.lanes.catch_up()
            if not world.readable() and not any(lane.behind for lane in world.lanes.lanes.values()):
                return
            for _, cursor in world.readable():
                world.deliver(cursor, 10)
            world.now_s += 61
            for target in world.targets.values():
                world.drain(target)
        raise AssertionError("the backlogs do not get empty")


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(
    kinds=st.sets(st.sampled_from(sorted(KINDS)), min_size=1, max_size=2),
    source=st.sampled_from([STREAM, TABLE]),
    parallel=st.sampled_from([1, 2]),
    lags=st.booleans(),
    episodes=st.lists(EPISODES, min_size=4, max_size=14),
)
def test_nothing_is_lost_or_out_of_order_whatever_happens(
    kinds: set[str], source: str, parallel: int, lags: bool, episodes: list[tuple[list[tuple[Any, ...]], int, int]]
) -> None:
    story = Story([KINDS[kind]() for kind in sorted(kinds)], source, parallel, lags)
    for events, turns, seed in episodes:
        story.disturb_stores(False, 0)
        for name, *arguments in events:
            getattr(story, name)(*arguments)
        story.work(turns, seed)
        story.check()
    story.end()


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round of the drainer in which a target takes nothing need not be tried for long."""
    monkeypatch.setattr(draining, "ROUND_S", 0.3)
