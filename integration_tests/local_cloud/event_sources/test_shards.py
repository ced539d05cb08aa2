"""Shards, lanes and consumers: what runs side by side, what stays in order, and what a reshard does.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html , …/services-kinesis-parameters.html ,
https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
"""

import time
from collections import defaultdict

import pytest

from integration_tests.local_cloud.event_sources.conftest import names, numbered, put

pytestmark = pytest.mark.local


def by_number(body):
    return str(body["n"])


def test_shards_are_processed_side_by_side_and_each_one_batch_at_a_time(
    account, clients, stream, recorder, mapping, received, eventually
):
    owner = account()
    source, function = stream(owner, 4), recorder(owner)
    warm = numbered(40)
    sent = put(clients(owner), source, warm, key=by_number)
    shard_of = {body["n"]: one["ShardId"] for body, one in zip(warm, sent, strict=True)}
    assert len(set(shard_of.values())) == 4
    mapping(function, source, BatchSize=100)
    eventually(lambda: sum(len(line["batch"]) for line in received(function)), equals=40)
    slow = [{"n": n, "do": "sleep", "s": 1} for n in range(4)]
    placed = put(clients(owner), source, [{**slow[0], "n": n} for n in range(40)][:8], key=by_number)
    used = len({one["ShardId"] for one in placed})
    lines = eventually(
        lambda: received(function)[4:], until=lambda got: sum(len(line["batch"]) for line in got) == 8, timeout=20
    )
    starts = sorted(line["at"] for line in lines)
    assert starts[used - 1] - starts[0] < 0.9, "every shard's first batch starts while the others sleep"


def test_a_slow_function_does_not_delay_another_one(
    account, clients, stream, recorder, mapping, received, batches, eventually
):
    owner, other_owner = account(), account()
    slow, slow_source = recorder(owner), stream(owner)
    quick, quick_source = recorder(other_owner), stream(other_owner)
    mapping(slow, slow_source)
    mapping(quick, quick_source)
    put(clients(other_owner), quick_source, [{"n": 0}])
    eventually(lambda: batches(quick), equals=[[0]])
    put(clients(owner), slow_source, [{"n": 0, "do": "sleep", "s": 5}])
    started = time.time()
    put(clients(other_owner), quick_source, [{"n": 1}])
    eventually(lambda: batches(quick), equals=[[0], [1]])
    assert received(quick)[-1]["at"] - started < 2


def test_a_parallelization_factor_keeps_the_order_of_each_key(
    account, clients, stream, recorder, mapping, received, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    keys = [f"key-{n % 8}" for n in range(160)]
    bodies = [{"n": n, "do": "sleep", "s": 0.05} if n % 20 == 0 else {"n": n} for n in range(160)]
    put(clients(owner), source, bodies, key=lambda body: keys[body["n"]])
    mapping(function, source, BatchSize=5, ParallelizationFactor=4)
    lines = eventually(
        lambda: received(function), until=lambda got: sum(len(line["batch"]) for line in got) == 160, timeout=60
    )
    per_key = defaultdict(list)
    for line in lines:
        for n in line["batch"]:
            per_key[keys[n]].append(n)
    assert per_key == {key: [n for n in range(160) if keys[n] == key] for key in set(keys)}


def test_a_failing_key_does_not_hold_up_the_keys_of_other_lanes(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    put(clients(owner), source, [{"n": "bad", "do": "raise", "until": time.time() + 3}], key="bad")
    put(clients(owner), source, numbered(40), key=by_number)
    mapping(function, source, BatchSize=10, ParallelizationFactor=10)

    def delivered():
        return {n for batch in batches(function) if "bad" not in batch for n in batch}

    early = eventually(delivered, until=lambda got: len(got) >= 20, timeout=20)
    assert "bad" not in early
    eventually(lambda: {n for batch in batches(function) for n in batch}, equals={"bad", *range(40)}, timeout=20)


def test_resharding_loses_nothing_and_keeps_the_order_of_each_key(
    account, clients, stream, recorder, mapping, received, eventually
):
    owner = account()
    source, function, kinesis = stream(owner, 2), recorder(owner), clients(owner).kinesis
    name = source.rsplit("/", 1)[-1]
    mapping(function, source, BatchSize=7)
    keys = [f"key-{n % 10}" for n in range(200)]

    def send(start):
        put(clients(owner), source, numbered(40, start), key=lambda body: keys[body["n"]])

    send(0)
    for start, shards in ((40, 4), (80, 3), (120, 2), (160, 1)):
        kinesis.update_shard_count(StreamName=name, TargetShardCount=shards, ScalingType="UNIFORM_SCALING")
        eventually(
            lambda: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"],
            equals="ACTIVE",
            timeout=300,
        )
        send(start)
    lines = eventually(
        lambda: received(function), until=lambda got: sum(len(line["batch"]) for line in got) >= 200, timeout=60
    )
    per_key = defaultdict(list)
    for line in lines:
        for n in line["batch"]:
            per_key[keys[n]].append(n)
    assert per_key == {key: [n for n in range(200) if keys[n] == key] for key in set(keys)}


def test_children_wait_for_a_parent_that_fails(account, clients, stream, recorder, mapping, batches, eventually):
    owner = account()
    source, function, kinesis = stream(owner), recorder(owner), clients(owner).kinesis
    name = source.rsplit("/", 1)[-1]
    put(clients(owner), source, [{"n": 0, "do": "raise", "until": time.time() + 3}])
    kinesis.update_shard_count(StreamName=name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    eventually(
        lambda: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"],
        equals="ACTIVE",
        timeout=300,
    )
    put(clients(owner), source, [{"n": 1}])
    mapping(function, source)
    got = eventually(lambda: batches(function), until=lambda seen: [1] in seen)
    assert got[:-1] == [[0]] * (len(got) - 1)
    assert len(got) > 2


def test_a_consumer_is_a_source_of_its_own(
    account, clients, stream, recorder, mapping, batches, received, unique, cleanup, eventually
):
    owner = account()
    source, function, kinesis = stream(owner, 2), recorder(owner), clients(owner).kinesis
    consumer = kinesis.register_stream_consumer(StreamARN=source, ConsumerName=unique("consumer"))["Consumer"]
    arn = consumer["ConsumerARN"]
    cleanup(kinesis.deregister_stream_consumer, ConsumerARN=arn)
    eventually(
        lambda: kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]["ConsumerStatus"],
        equals="ACTIVE",
        timeout=60,
    )
    created = mapping(function, arn)
    assert created["EventSourceArn"] == arn
    listed = clients(owner).lambda_.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    assert [one["UUID"] for one in listed] == [created["UUID"]]
    put(clients(owner), source, [{"n": n, "do": "show"} for n in range(10)], key=by_number)
    eventually(lambda: sorted(names(batches(function))), equals=list(range(10)))
    assert {one["eventSourceARN"] for event in received(function, "EVENT") for one in event["Records"]} == {arn}
