"""Breaks what can break between a table and its replica; at the end they are equal."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integration_tests.support.waiting import eventually
from integration_tests.table_replica.deployed import Deployed, Eventually, request_item
from localcloud.faults import Fault, Faults
from operations.instruments.holding import held
from operations.instruments.items import key_of

pytestmark = pytest.mark.local

WRITES = {"service": "dynamodb", "operation": "BatchWriteItem", "seed": 7}


def change_at_random(workshop: Deployed, seed: int, count: int = 300, first: int = 0) -> None:
    """Puts, updates and deletes over few keys, so that most items change several times.

    Who changes the same keys again says which turn is the first: what is still as it was before is not equal then.
    """
    randomness = random.Random(seed + first)
    for turn in range(first, first + count):
        number = 100_000 + seed * 100 + randomness.randrange(25)
        match randomness.choice(("put", "put", "update", "delete")):
            case "put":
                workshop.put(request_item(number, turn={"N": str(turn)}))
            case "update":
                workshop.update(f"request#{number}", updated={"N": str(turn)})
            case "delete":
                workshop.delete(f"request#{number}")


def key(number: int) -> str:
    """The key of a request as reports name it."""
    return key_of({"PK": {"S": f"request#{number}"}}, ["PK"])


def assert_equal(workshop: Deployed) -> None:
    report = workshop.verify(settle_s=20)
    assert report.equal, report
    # A batch that comes again brings back for a moment what its keys were.
    eventually(workshop.equal, equals=True, timeout=60, interval=0.2)
    assert workshop.failed_records() == []


def test_a_fifth_of_all_writes_is_throttled(workshop: Deployed, faults: Faults) -> None:
    with faults.throttle(**WRITES, resource=workshop.replica.replica.name, rate=0.2) as fault:
        workshop.load(2000, seed=21)
        change_at_random(workshop, seed=1)
        assert_equal(workshop)
        assert fault.hits() > 5


def test_items_are_left_unprocessed(workshop: Deployed, faults: Faults) -> None:
    with faults.partial(**WRITES, resource=workshop.replica.replica.name, share=0.4, rate=0.6) as fault:
        workshop.load(1000, seed=22)
        change_at_random(workshop, seed=2)
        assert_equal(workshop)
        assert fault.hits() > 5


def test_the_function_crashes_before_and_after_its_work(workshop: Deployed, faults: Faults) -> None:
    function = workshop.replica.function
    # Two attempts are retried: these are the most crashes that a record survives for sure.
    with (
        faults.crash(resource=function, count=1) as before,
        faults.crash(resource=function, count=1, applied=True) as after,
    ):
        change_at_random(workshop, seed=3)
        assert_equal(workshop)
        assert (before.hits(), after.hits()) == (1, 1)


def test_the_function_crashes_in_the_middle_of_a_batch(workshop: Deployed, faults: Faults) -> None:
    """A part of the batch is in the replica, and one call's answer is never seen."""
    selected = {**WRITES, "resource": workshop.replica.replica.name, "count": 1}
    with (
        faults.abort(**selected, skip=2) as before,
        faults.abort(**selected, skip=9, applied=True) as after,
    ):
        # What was held comes in batches of a hundred, each of which is several calls.
        with held(workshop.replica.lambda_, workshop.replica.mapping_id):
            workshop.load(400, seed=26)
            change_at_random(workshop, seed=6, count=100)
        assert_equal(workshop)
        assert (before.hits(), after.hits()) == (1, 1)


def test_batches_come_twice(workshop: Deployed, faults: Faults) -> None:
    with faults.duplicate(service="lambda", resource=workshop.replica.function) as fault:
        change_at_random(workshop, seed=7)
        assert_equal(workshop)
        assert fault.hits() >= 3


def test_answers_are_lost_and_connections_reset(workshop: Deployed, faults: Faults) -> None:
    replica = workshop.replica.replica.name
    with (
        faults.error(500, **WRITES, resource=replica, rate=0.1, applied=True) as lost,
        faults.reset(**{**WRITES, "seed": 8}, resource=replica, rate=0.1) as reset,
    ):
        workshop.load(1000, seed=24)
        change_at_random(workshop, seed=4)
        assert_equal(workshop)
        assert lost.hits() + reset.hits() > 3


@pytest.fixture
def strict(workshop: Deployed) -> Iterator[Deployed]:
    """The replica has an index that the source does not have: an item whose `kind` is no text cannot be applied."""
    table, dynamodb = workshop.replica.replica.name, workshop.far.dynamodb
    index: dict[str, Any] = {
        "IndexName": "by_kind",
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    kind = {"AttributeName": "kind", "AttributeType": "S"}
    dynamodb.update_table(TableName=table, AttributeDefinitions=[kind], GlobalSecondaryIndexUpdates=[{"Create": index}])
    yield workshop
    dynamodb.update_table(TableName=table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_kind"}}])


def test_an_item_that_the_replica_refuses_is_kept_whole_and_redriven_when_it_is_right(
    strict: Deployed, faults: Faults, eventually: Eventually
) -> None:
    """Its neighbours arrive, also those of the shards that follow its own."""
    poison = request_item(110_001, kind={"N": "5"}, note={"S": "käufe ☂"}, raw={"B": "AAH/"})
    for item in (request_item(110_000), poison, request_item(110_002)):
        strict.put(item)
    faults.reshard(strict.stream_arn())
    strict.put(request_item(110_003))

    [kept] = eventually(strict.failed_records, timeout=60)
    assert kept["dynamodb"]["NewImage"] == poison
    neighbours = [key(number) for number in (110_000, 110_002, 110_003)]
    eventually(lambda: list(strict.replica.replica.get(neighbours)), until=lambda found: len(found) == 3, timeout=60)
    report = strict.verify(settle_s=1)
    assert report.missing == [key(110_001)]
    assert (report.extra, report.differing) == ([], [])
    [outcome] = strict.redrive()
    assert outcome.reason is not None
    assert "Type mismatch for Index Key kind" in outcome.reason
    [again] = strict.failed_records()
    assert again["dynamodb"]["NewImage"] == poison

    strict.put({**poison, "kind": {"S": "5"}})
    assert [outcome.reason for outcome in strict.redrive()] == [None]
    assert_equal(strict)


def test_while_the_far_end_is_denied_everything_waits_in_order(
    workshop: Deployed, faults: Faults, eventually: Eventually
) -> None:
    """However long it takes: nothing goes to the bucket, and afterwards everything is there."""
    with faults.deny(**WRITES, resource=workshop.replica.replica.name, duration_s=20) as fault:
        change_at_random(workshop, seed=9, count=60)
        workshop.put(request_item(120_000, v={"S": "written in the meantime"}))
        eventually(lambda: workshop.log("waitsAt"), timeout=20)
        assert workshop.failed_records() == []
        eventually(lambda: list(workshop.replica.replica.get([key(120_000)])), timeout=90)
        assert fault.hits() > 3
    assert_equal(workshop)


def test_the_stream_is_resharded_while_a_fifth_of_all_writes_is_throttled(workshop: Deployed, faults: Faults) -> None:
    """Shards split, roll over, and split again; what was written before a split is applied before the rest."""
    with faults.throttle(**WRITES, resource=workshop.replica.replica.name, rate=0.2) as fault:
        for turn, into in enumerate((2, 1, 2)):
            change_at_random(workshop, seed=8, count=60, first=turn * 60)
            workshop.load(300, seed=28 + into)
            faults.reshard(workshop.stream_arn(), into)
        change_at_random(workshop, seed=8, count=60, first=180)
        assert_equal(workshop)
        assert fault.hits() > 3


def accidents(workshop: Deployed, faults: Faults) -> list[Callable[[int], Fault]]:
    """What happens in a random story: each sets a fault with a seed, which strikes a few times."""
    writes = {"service": "dynamodb", "operation": "BatchWriteItem", "resource": workshop.replica.replica.name}
    function = {"service": "lambda", "resource": workshop.replica.function}
    return [
        lambda seed: faults.add("throttle", **writes, rate=0.3, count=10, seed=seed),
        lambda seed: faults.add("partial", **writes, rate=0.5, count=10, share=0.5, seed=seed),
        lambda seed: faults.add("error", **writes, rate=0.3, count=3, status=500, applied=True, seed=seed),
        lambda seed: faults.add("reset", **writes, rate=0.3, count=3, seed=seed),
        lambda seed: faults.add("deny", **writes, count=2, seed=seed),
        lambda seed: faults.add("abort", **writes, rate=0.5, count=2, seed=seed),
        lambda seed: faults.add("crash", **function, count=1, seed=seed),
        lambda seed: faults.add("crash", **function, count=1, applied=True, seed=seed),
        lambda seed: faults.add("duplicate", **function, rate=0.5, count=5, seed=seed),
        lambda seed: faults.add("throttle", **function, rate=0.5, count=3, seed=seed),
        lambda seed: faults.add("throttle", service="dynamodbstreams", operation="GetRecords", count=2, seed=seed),
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_story_ends_equal(workshop: Deployed, faults: Faults, seed: int) -> None:
    """Writes, reshards and accidents in an order that the seed decides; what was given up is redriven."""
    randomness = random.Random(seed)
    possible = accidents(workshop, faults)
    happened = [randomness.choice(possible)(turn) for turn in range(6)]
    shards = faults.reshard(workshop.stream_arn())
    for turn in range(6):
        change_at_random(workshop, seed=20 + seed, count=randomness.randrange(10, 60), first=turn * 60)
        happened.append(randomness.choice(possible)(len(happened)))
        shards = faults.reshard(workshop.stream_arn(), randomness.randint(1, 2), randomness.choice(shards))
    workshop.verify(settle_s=3)
    assert sum(fault.hits() for fault in happened) > 5

    # Nothing is under way when the accidents end, so that nothing more is given up.
    with held(workshop.replica.lambda_, workshop.replica.mapping_id):
        faults.clear()
    while given_up := workshop.failed_records():
        assert {outcome.reason for outcome in workshop.redrive()} == {None}, given_up
    assert_equal(workshop)
