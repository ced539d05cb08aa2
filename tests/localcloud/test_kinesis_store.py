"""The log of a shard: positions that never change, expiry, limits of a read; and how hash keys find their shard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.emulator.kinesis import resharding, shard_log, streams

pytestmark = pytest.mark.pure


@pytest.fixture
def clock(monkeypatch):
    """`clock(s)` is the time from now on, in seconds since the epoch."""

    def set_to(moment_s):
        monkeypatch.setattr("time.time", lambda: float(moment_s))

    set_to(1_800_000_000)
    return set_to


def stream_of(count, hours=24):
    ranges = enumerate(streams.uniform_ranges(count))
    shards = {f"shardId-{index:012d}": shard_log.new_shard(index, hash_range, {}) for index, hash_range in ranges}
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
    return {"StreamName": "s", "StreamARN": arn, "RetentionPeriodHours": hours, "shards": shards}


def read(stream, shard_id, position=0, max_records=10_000, max_bytes=10**7):
    batch = streams.read_shard(stream, stream["shards"][shard_id], position, max_records, max_bytes)
    return [record.data for record in batch.records], batch


def test_expired_records_go_and_the_rest_keep_their_positions(clock):
    stream, shard_id = stream_of(1), "shardId-000000000000"
    for moment, data in ((0, b"a"), (10, b"b"), (3600, b"c")):
        clock(1_800_000_000 + moment)
        streams.append(stream, "k", data)
    clock(1_800_000_000 + 24 * 3600 + 11)
    found, batch = read(stream, shard_id)
    assert (found, batch.next_position) == ([b"c"], 3)
    assert batch.records[0].position == 2
    streams.append(stream, "k", b"d")
    assert read(stream, shard_id, position=3)[0] == [b"d"]
    assert shard_log.first_since(stream["shards"][shard_id], 1_800_000_000 + 3601) == 3


def test_a_closed_shard_goes_once_its_records_have_expired(clock):
    stream, shard_id = stream_of(1), "shardId-000000000000"
    streams.append(stream, "k", b"a")
    resharding._replace(stream, [shard_id], [(0, 2**127 - 1), (2**127, 2**128 - 1)])
    clock(1_800_000_000 + 23 * 3600)
    streams.expire(stream)
    assert shard_id in stream["shards"]
    clock(1_800_000_000 + 25 * 3600)
    streams.expire(stream)
    assert sorted(stream["shards"]) == ["shardId-000000000001", "shardId-000000000002"]


def test_a_read_ends_at_its_limits_and_says_how_far_behind_it_is(clock):
    stream, shard_id = stream_of(1), "shardId-000000000000"
    for at in range(5):
        clock(1_800_000_000 + at)
        streams.append(stream, "k", b"x" * 99)  # 100 bytes with the key
    clock(1_800_000_010)
    found, batch = read(stream, shard_id, max_bytes=250)
    assert (len(found), batch.next_position, batch.behind_ms, batch.ended) == (2, 2, 8000, False)
    assert len(read(stream, shard_id, max_records=3)[0]) == 3
    assert len(read(stream, shard_id, max_bytes=1)[0]) == 1, "one record at least"
    assert read(stream, shard_id, position=5)[1].behind_ms == 0


@given(key=st.text(min_size=1, max_size=256), data=st.binary(max_size=2000))
def test_a_record_comes_back_as_it_was_put(key, data):
    shard = shard_log.new_shard(3, (0, 10), {})
    number = shard_log.add(shard, key, data)
    (record,) = shard_log.slice_of(shard, 0, 1, 1)
    assert (record.partition_key, record.data, record.sequence_number) == (key, data, number)


@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    hash_keys=st.lists(st.integers(0, 2**128 - 1), max_size=20),
)
def test_open_shards_cover_every_hash_key_whatever_was_scaled(counts, hash_keys):
    stream = stream_of(counts[0])
    for count in counts[1:]:
        resharding._scale(stream, streams.uniform_ranges(count))
        assert len(streams.open_shards(stream)) == count
    borders = [
        (int(one["starting_hash_key"]), int(one["ending_hash_key"])) for one in streams.open_shards(stream).values()
    ]
    assert borders == streams.uniform_ranges(counts[-1])
    for hash_key in [0, 2**128 - 1, *hash_keys]:
        taker = stream["shards"][streams.route(stream, hash_key)]
        assert int(taker["starting_hash_key"]) <= hash_key <= int(taker["ending_hash_key"])
    for name, shard in stream["shards"].items():
        for parent in shard_log.parents_of(shard):
            assert parent < name
            assert shard_log.is_closed(stream["shards"][parent])
            assert int(stream["shards"][parent]["ending_sequence_number"]) < int(shard["starting_sequence_number"])
