"""What every store of lanes promises: a test for each promise, run on DynamoDB and on the one in memory."""

from __future__ import annotations

import secrets

from handlers.fan_out.lanes import Entry, Lane, LaneId, Lanes, Lease

SOURCE, OTHER = "arn:aws:kinesis:eu-west-1:111111111111:stream/one", "arn:aws:kinesis:eu-west-1:111111111111:stream/o"
LANE = LaneId(SOURCE, "shardId-1", "target")


def entry(number: int, lane: LaneId = LANE) -> Entry:
    name = f"backlog/{lane.target}/one/{lane.shard}/{number}-{secrets.token_hex(16)}.json"
    return Entry(lane, f"{number:064}#abc", name, 3, 100, 1_800_000_000.25 + number)


def now(lanes: Lanes, lane: LaneId = LANE) -> Lane:
    found = lanes.get(lane)
    assert found is not None
    return found


class LaneRules:
    """Give it a fixture `lanes`, a store without lanes."""

    def test_a_lane_begins_once_and_is_found_with_those_of_its_shard(self, lanes: Lanes) -> None:
        other = Lane(LANE._replace(target="other"), behind=True, since_s=7.5, after={"shardId-0": "12#ab"})

        assert [lanes.create(one) for one in (Lane(LANE), other, Lane(LANE))] == [True, True, False]
        lanes.create(Lane(LANE._replace(shard="shardId-10")))
        lanes.create(Lane(LANE._replace(source=OTHER)))

        assert lanes.of_shard(SOURCE, "shardId-1") == {"target": Lane(LANE), "other": other}
        assert lanes.of_shard(SOURCE, "shardId-2") == {}
        assert lanes.get(LANE._replace(target="none")) is None
        assert list(lanes.behind_of(SOURCE, "target")) == []
        assert list(lanes.behind_of(SOURCE, "other")) == [other.id]

    def test_an_entry_marks_its_lane_and_raises_its_version(self, lanes: Lanes) -> None:
        lanes.create(Lane(LANE))

        assert lanes.append(entry(1), falls=True)
        fallen = now(lanes)
        assert lanes.append(entry(2), falls=True)
        assert lanes.append(entry(3), falls=False)

        assert fallen == Lane(LANE, 1, True, entry(1).put_s)
        assert now(lanes) == fallen._replace(version=3)
        assert list(lanes.behind()) == [(LANE, entry(1).put_s)]

    def test_an_entry_for_a_lane_that_is_behind_is_none_for_a_direct_one(self, lanes: Lanes) -> None:
        lanes.create(Lane(LANE))
        assert not lanes.append(entry(1), falls=False)
        assert (now(lanes), list(lanes.entries(LANE, 9))) == (Lane(LANE), [])

    def test_an_attempt_that_is_repeated_adds_nothing_after_it_was_delivered(self, lanes: Lanes) -> None:
        """The answer to the first one was lost, and the drainer was quick."""
        lanes.create(Lane(LANE))
        one = entry(1)
        lanes.append(one, falls=True)
        lanes.remove(one)
        assert lanes.append(one, falls=True)
        assert (list(lanes.entries(LANE, 9)), now(lanes).version) == ([], 1)

    def test_entries_come_in_the_order_of_their_keys(self, lanes: Lanes) -> None:
        entries = [entry(number) for number in range(12)]
        for one in reversed(entries):
            lanes.append(one, falls=True)
        lanes.append(entry(5, LANE._replace(shard="shardId-10")), falls=True)

        assert list(lanes.entries(LANE, 99)) == entries
        assert list(lanes.entries(LANE, 2)) == entries[:2]
        assert list(lanes.entries(LANE, 1, newest=True)) == entries[-1:]

    def test_an_entry_is_removed_or_replaced_only_while_it_is_the_same(self, lanes: Lanes) -> None:
        first, again, left = entry(1), entry(1), entry(1)
        lanes.append(first, falls=True)
        lanes.append(again, falls=True)

        assert not lanes.remove(first)
        assert not lanes.replace(first, left)
        assert lanes.replace(again, left._replace(key="another"))
        assert list(lanes.entries(LANE, 9)) == [left]
        assert (lanes.remove(again), lanes.remove(left), lanes.remove(left)) == (False, True, False)
        assert list(lanes.entries(LANE, 9)) == []
        assert now(lanes).behind

    def test_a_lane_becomes_direct_unless_anything_came_in(self, lanes: Lanes) -> None:
        lanes.create(Lane(LANE, behind=True, since_s=1.5, after={"shardId-0": "12#ab"}))
        read = now(lanes)
        one = entry(1)
        lanes.append(one, falls=False)
        lanes.remove(one)

        assert not lanes.release(read)
        assert now(lanes).behind
        assert lanes.release(now(lanes))
        assert now(lanes) == Lane(LANE, 2)
        assert not lanes.release(now(lanes))
        assert list(lanes.behind()) == []

    def test_a_lease_is_one_holders_until_its_time(self, lanes: Lanes) -> None:
        mine, theirs = (Lease(SOURCE, "target", holder, 160.0) for holder in ("me", "them"))

        assert lanes.take(mine, 100.0)
        assert lanes.take(mine._replace(until_s=170.0), 110.0)
        assert not lanes.take(theirs, 165.0)
        assert lanes.take(theirs._replace(target="other"), 165.0)
        assert lanes.take(theirs._replace(until_s=300.0), 171.0)
        lanes.give(mine)
        assert not lanes.take(mine, 200.0)
        lanes.give(theirs)
        assert lanes.take(mine, 200.0)
