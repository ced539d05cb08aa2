"""Breaks what can break between a table and its replica; at the end they are equal."""

import random

import pytest

from integration_tests.table_replica.deployed import Deployed, Eventually, request_item
from localcloud.faults import Faults

pytestmark = pytest.mark.local

WRITES = {"service": "dynamodb", "operation": "BatchWriteItem", "seed": 7}


def change_at_random(workshop: Deployed, seed: int, count: int = 300) -> None:
    """Puts and deletes over few keys, so that most items change several times."""
    randomness = random.Random(seed)
    for turn in range(count):
        number = 100_000 + seed * 100 + randomness.randrange(25)
        if randomness.random() < 0.3:
            workshop.delete(f"request#{number}")
        else:
            workshop.put(request_item(number, turn={"N": str(turn)}))


def assert_equal(workshop: Deployed) -> None:
    report = workshop.verify(settle_s=20)
    assert report.equal, report
    assert workshop.equal()
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


def test_the_function_crashes_in_the_middle_and_batches_come_twice(workshop: Deployed, faults: Faults) -> None:
    function = workshop.replica.function
    # Two attempts are retried: these are the most crashes that a record survives for sure.
    with (
        faults.crash(resource=function, count=1) as before,
        faults.crash(resource=function, count=1, applied=True) as after,
    ):
        change_at_random(workshop, seed=3)
        assert_equal(workshop)
        assert (before.hits(), after.hits()) == (1, 1)


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


def test_the_far_end_is_away_for_less_than_the_retries_last(
    workshop: Deployed, faults: Faults, eventually: Eventually
) -> None:
    with faults.deny(**WRITES, resource=workshop.replica.replica.name, count=1) as fault:
        change_at_random(workshop, seed=5, count=60)
        eventually(fault.hits, equals=1, timeout=20)
    assert_equal(workshop)
