"""Shards of a table's stream: views of a log of which every record is in exactly one, an item's in one line."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.emulator.table_streams.log import Log
from localcloud.emulator.table_streams.shards import Shard, children, closed, hash_of, unexpired

pytestmark = pytest.mark.pure

FIRST = "shardId-00000000000000000000-00000000"

RESHARDS = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 4), st.integers(0, 9)), max_size=6)


def record(number: int, key: str) -> dict:
    return {"dynamodb": {"SequenceNumber": str(1000 + number), "Keys": {"pk": {"S": key}}}}


def resharded(steps: list[tuple[int, int, int]]) -> tuple[list[Shard], int]:
    """The shards after each step wrote so many records and replaced one open shard, and the log's end."""
    shards, end = [Shard(FIRST, None, 0, "0")], 0
    for written, into, which in steps:
        end += written
        taking = [one for one in shards if one.is_open]
        parent = taking[which % len(taking)]
        ended = closed(parent, end, str(1000 + end), 0.0)
        shards = [*(one for one in shards if one is not parent), ended, *children(ended, into, str(1000 + end), 0.0)]
    return shards, end


@given(steps=RESHARDS, more=st.integers(0, 12), limit=st.integers(1, 5))
def test_every_record_is_in_one_shard_and_an_item_goes_from_parents_to_children(
    steps: list[tuple[int, int, int]], more: int, limit: int
) -> None:
    shards, end = resharded(steps)
    end += more
    records = [record(at, f"key-{at % 7}") for at in range(end)]
    log = Log("arn", shards, 0, end, records, "pk")

    places: dict[int, str] = {}
    for shard in shards:
        position, ended = 0, False
        while not ended:
            read = log.read(shard, position, limit)
            assert len(read.records) <= limit
            for at, found in read.records:
                assert (found, at in places) == (records[at], False)
                places[at] = shard.shard_id
            if not read.records and not read.ended:
                break
            position, ended = read.next_position, read.ended
        assert ended is not shard.is_open
    assert places.keys() == set(range(end))

    parents = {shard.shard_id: shard.parent_id for shard in shards}
    for key in range(7):
        line = list(dict.fromkeys(places[at] for at in range(key, end, 7)))
        for earlier, later in itertools.pairwise(line):
            ancestors, one = [], parents[later]
            while one is not None:
                ancestors.append(one)
                one = parents[one]
            assert earlier in ancestors


@given(steps=RESHARDS)
def test_open_shards_share_all_hashes_and_ids_sort_as_they_were_made(steps: list[tuple[int, int, int]]) -> None:
    shards, _ = resharded(steps)
    for key in range(50):
        assert [one.is_open and one.takes(hash_of(str(key))) for one in shards].count(True) == 1
    assert all(one.parent_id is None or one.parent_id < one.shard_id for one in shards)


def test_an_open_shard_is_read_from_the_trim_horizon() -> None:
    log = Log("arn", [Shard(FIRST, None, 0, "0")], 5, 8, [record(at, "key") for at in (5, 6, 7)], "pk")
    [shard] = log.shards
    assert [at for at, _ in log.read(shard, 0, 10).records] == [5, 6, 7]
    assert (log.start_of(shard), log.end_of(shard)) == (5, 8)
    assert [log.position_of(shard, number) for number in (0, 1006, 2000)] == [5, 6, 8]


def test_a_closed_shard_goes_a_day_later_with_its_last_record() -> None:
    parent = closed(Shard(FIRST, None, 0, "0"), 10, "1010", 500.0)
    [child] = children(parent, 1, "1011", 500.0)
    assert unexpired([parent, child], 10, cutoff_s=499.0) == [parent, child]
    assert unexpired([parent, child], 9, cutoff_s=501.0) == [parent, child]
    assert unexpired([parent, child], 10, cutoff_s=501.0) == [child]
