"""The races of the protocol one by one: what a crash at each step leaves, and what comes in between."""

from __future__ import annotations

import pytest
from actors import Actor
from stream import TABLE, Cursor
from world import JOINED, SMALL, Target, World

from handlers.fan_out import draining
from handlers.fan_out.packing import Packing
from handlers.fan_out.rows import DAY_S

pytestmark = pytest.mark.pure


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "ROUND_S", 0.3)


class Scene:
    """One ordered target that was away for the records 1 to 3 of the key `a`, and is back."""

    def __init__(self, **options: object) -> None:
        self.target = Target("one", True, Packing(SMALL), **options)  # type: ignore[arg-type]
        self.world = World([self.target])
        self.shard = self.world.shard(frozenset("ab"))
        self.target.mode = "away"
        self.put("aaa")
        self.deliver().finish()
        for actor in self.world.actors():
            actor.finish()
        self.world.reap()
        self.target.mode = "healthy"

    @property
    def cursor(self) -> Cursor:
        return self.shard.cursors[0]

    def put(self, keys: str) -> None:
        for key in keys:
            self.world.put(key)

    def deliver(self, size: int = 10) -> Actor:
        return self.world.deliver(self.cursor, size)

    def drain(self) -> Actor:
        return self.world.drain(self.target)

    def got(self) -> list[int]:
        return [int(name.rpartition(":")[2]) for name in self.target.log]

    def behind(self) -> bool:
        return any(lane.behind for lane in self.world.lanes.lanes.values())


def until(actor: Actor, before: str) -> Actor:
    """Lets an invocation go on until it is about to do that."""
    while actor.before != before:
        assert not actor.ended
        actor.step()
    return actor


def kill_after(actor: Actor, what: str) -> None:
    until(actor, what).step()
    actor.kill()


def test_what_was_not_taken_is_delivered_in_order_and_the_lane_is_direct_again() -> None:
    scene = Scene()
    assert (scene.got(), scene.behind(), len(scene.world.entries(scene.target))) == ([], True, 1)
    scene.drain().finish()
    assert (scene.got(), scene.behind(), scene.world.orphans()) == ([1, 2, 3], False, set())


def test_a_target_that_may_take_long_is_called_by_the_drainer_alone() -> None:
    scene = Scene(direct=False)
    scene.drain().finish()
    scene.world.reap()
    scene.put("ab")
    scene.deliver().finish()
    assert (scene.got(), scene.behind()) == ([1, 2, 3], True)
    # The one that was woken.
    [drainer] = scene.world.drains["one"]
    drainer.finish()
    assert (scene.got(), scene.behind(), scene.world.orphans()) == ([1, 2, 3, 4, 5], False, set())


def test_what_comes_in_while_a_lane_is_found_empty_keeps_it_behind() -> None:
    scene = Scene()
    scene.put("a")
    drainer = until(scene.drain(), "release")
    scene.deliver().finish()
    assert len(scene.world.entries(scene.target)) == 1
    drainer.finish()
    assert (scene.got(), scene.behind()) == ([1, 2, 3, 4], False)


def test_who_finds_the_lane_direct_meanwhile_delivers_and_adds_no_entry() -> None:
    scene = Scene()
    scene.put("a")
    source = until(scene.deliver(), "append")
    scene.drain().finish()
    source.finish()
    assert (scene.got(), scene.behind(), scene.world.orphans()) == ([1, 2, 3, 4], False, set())


def test_killed_after_the_object_leaves_an_object_that_nobody_names() -> None:
    scene = Scene()
    scene.put("a")
    until(scene.deliver(), "append").kill()
    scene.world.reap()
    assert len(scene.world.orphans()) == 1
    scene.deliver().finish()
    scene.drain().finish()
    assert scene.got() == [1, 2, 3, 4]


def test_killed_after_the_transaction_makes_the_same_entry_of_the_same_batch() -> None:
    scene = Scene()
    scene.put("aa")
    kill_after(scene.deliver(), "append")
    scene.world.reap()
    scene.deliver().finish()
    assert len(scene.world.entries(scene.target)) == 2
    scene.drain().finish()
    assert scene.got() == [1, 2, 3, 4, 5]


def test_a_batch_that_comes_again_in_other_pieces_takes_nothing_from_the_backlog() -> None:
    scene = Scene()
    scene.put("aaa")
    kill_after(scene.deliver(), "append")
    scene.world.reap()
    scene.deliver(1).finish()
    assert len(scene.world.entries(scene.target)) == 3
    scene.world.reap()
    scene.deliver().finish()
    scene.drain().finish()
    first = list(dict.fromkeys(scene.got()))
    assert (first, scene.got()[-1]) == ([1, 2, 3, 4, 5, 6], 6)


def test_killed_between_the_call_and_the_removal_the_drainer_delivers_the_entry_again() -> None:
    scene = Scene()
    until(scene.drain(), "remove").kill()
    scene.world.reap()
    scene.world.now_s += 61  # the lease of the one that was killed
    scene.drain().finish()
    assert (scene.got(), scene.behind()) == ([1, 2, 3, 1, 2, 3], False)


def test_one_drains_a_target_at_a_time() -> None:
    scene = Scene()
    first = until(scene.drain(), "remove")
    scene.drain().finish()
    first.finish()
    assert scene.got() == [1, 2, 3]


def test_a_drainer_whose_lease_ran_out_removes_nothing_that_is_not_delivered() -> None:
    scene = Scene()
    late = until(scene.drain(), "remove")
    scene.world.now_s += 61
    scene.drain().finish()
    scene.target.mode = "away"
    scene.put("a")
    scene.deliver().finish()
    late.finish()
    assert (scene.got(), scene.behind(), len(scene.world.entries(scene.target))) == ([1, 2, 3] * 2, True, 1)


def test_an_answer_that_is_lost_adds_no_entry_after_it_was_drained() -> None:
    scene = Scene()
    scene.put("a")
    source = until(scene.deliver(), "append")
    scene.world.lose_answers = 1
    source.step()
    scene.drain().finish()
    source.finish()
    assert (scene.got(), scene.world.entries(scene.target), scene.behind()) == ([1, 2, 3, 4], [], False)


def test_a_child_shard_waits_for_what_its_parents_left_and_for_no_more() -> None:
    scene = Scene()
    world = scene.world
    world.split(scene.shard)
    child = next(shard for shard in world.shards if "a" in shard.keys and not shard.closed)
    scene.put("a")
    world.deliver(child.cursors[0], 10).finish()
    lanes = {lane.shard: kept for lane, kept in world.lanes.lanes.items()}
    assert lanes[child.id].behind
    assert list(lanes[child.id].after) == [scene.shard.id]
    scene.drain().finish()
    assert (scene.got(), scene.behind()) == ([1, 2, 3, 4], False)


def test_where_no_order_is_kept_a_child_shard_waits_for_nobody() -> None:
    scene = Scene()
    scene.target.ordered = False
    scene.world.split(scene.shard)
    child = next(shard for shard in scene.world.shards if "a" in shard.keys and not shard.closed)
    scene.put("a")
    scene.world.deliver(child.cursors[0], 10).finish()
    assert scene.got() == [4]


def test_what_waited_too_long_is_in_the_bucket_after_one_more_attempt() -> None:
    scene = Scene(retry_s=100.0)
    scene.target.mode = "away"
    scene.world.now_s += 50
    scene.put("a")
    scene.deliver().finish()
    scene.world.now_s += 51
    scene.drain().finish()
    names = {name.rpartition(":")[2] for name in scene.world.kept(scene.target)}
    assert (names, len(scene.world.entries(scene.target))) == ({"1", "2", "3"}, 1)
    assert scene.target.calls > 3
    scene.target.mode = "healthy"
    scene.world.now_s += 1000
    scene.drain().finish()
    assert (scene.got(), scene.behind()) == ([4], False)


def test_the_backlog_of_a_row_that_is_switched_off_waits_and_that_of_none_is_kept() -> None:
    scene = Scene(retry_s=100.0)
    scene.target.active = False
    scene.world.now_s += DAY_S + 1
    scene.drain().finish()
    assert (len(scene.world.entries(scene.target)), scene.target.calls > 0) == (1, True)
    scene.target.gone = True
    scene.drain().finish()
    assert (len(scene.world.kept(scene.target)), scene.behind(), scene.got()) == (3, False, [])


def test_a_partly_taken_entry_is_shortened_and_keeps_its_place() -> None:
    scene = Scene()
    scene.put("b")
    scene.deliver().finish()
    drainer = until(scene.drain(), "take")
    until(drainer, "")
    while not scene.target.log:
        drainer.step()
    scene.target.mode = "away"
    drainer.finish()
    assert len(scene.world.waiting(scene.target)) + len(scene.got()) == 4
    assert not scene.world.waiting(scene.target) & set(scene.target.log)
    scene.target.mode = "healthy"
    scene.world.now_s += 61
    scene.drain().finish()
    assert sorted(scene.got()) == [1, 2, 3, 4]
    assert [number for number in scene.got() if number < 4] == [1, 2, 3]


@pytest.mark.parametrize("packing", [Packing(SMALL), JOINED])
def test_poison_in_a_backlog_goes_to_the_bucket_and_holds_nobody_up(packing: Packing) -> None:
    target = Target("one", True, packing, mode="away")
    world = World([target], TABLE)
    shard = world.shard(frozenset("a"))
    world.put("a")
    world.put("a", poison=True)
    world.put("a")
    world.deliver(shard.cursors[0], 10).finish()
    for actor in world.actors():
        actor.finish()
    target.mode = "healthy"
    world.drain(target).finish()
    assert (target.log, world.kept(target)) == (["-:1", "-:3"], {"-:2"})


def test_a_platform_that_is_away_itself_answers_for_nothing_that_is_not_done() -> None:
    scene = Scene()
    scene.put("aaa")
    scene.world.stores_away = True
    scene.deliver().finish()
    scene.world.reap()
    assert (scene.cursor.at, scene.got()) == (3, [])
    scene.world.stores_away = False
    scene.deliver().finish()
    scene.drain().finish()
    assert scene.got() == [1, 2, 3, 4, 5, 6]


def test_what_another_drainer_left_of_an_entry_comes_before_the_next_entry() -> None:
    """Two drain at the same time, since the lease of the first one ran out."""
    scene = Scene()
    scene.put("a")
    scene.deliver().finish()
    late = scene.drain()
    while not scene.target.log:
        late.step()
    scene.world.now_s += 61
    early = until(scene.drain(), "entries")
    early.step(2)  # it knows both entries, and has loaded none
    late.finish()
    early.finish()
    assert list(dict.fromkeys(scene.got())) == [1, 2, 3, 4]
