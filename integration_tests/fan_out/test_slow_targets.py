"""Targets that do not answer, that take long, and one that is away for a minute: nobody else waits or gets anything
twice, and they get everything."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from integration_tests.fan_out.comparing import compare, orders
from integration_tests.fan_out.places import Place, Queue
from integration_tests.fan_out.running import Running, put
from integration_tests.fan_out.test_nine_targets import RECORDS, TARGETS
from integration_tests.support.addressing import Clients, statement
from integration_tests.support.factories import Factories
from integration_tests.support.waiting import eventually
from localcloud.faults import Faults

pytestmark = [pytest.mark.local, pytest.mark.differs("plain", "it has no control API")]

OUTAGE_S = 60.0


def queue_name(place: Place) -> str:
    assert isinstance(place, Queue)
    return place.url.rpartition("/")[2]


def test_a_target_that_never_answers_keeps_nobody_waiting_and_has_everything_once_it_does(
    own: Clients, make: Factories, running: Running, place: Callable[..., Place], faults: Faults
) -> None:
    source = make.stream(own.account_id)
    well = {"queue": place("sqs"), "stream": place("kinesis", parallel=False), "lambda": place("lambda")}
    places = {**well, "stalled": place("sqs-fifo")}
    running.register(source, {name: one.row for name, one in places.items()})
    records = orders(200)
    with faults.timeout(service="sqs", operation="SendMessageBatch", resource=queue_name(places["stalled"])) as stalled:
        running.hook(source)
        put(own.kinesis, source, records[:100])
        eventually(running.behind, equals={"stalled"}, timeout=60, interval=0.2)
        put(own.kinesis, source, records[100:])
        for name, one in well.items():
            compare(name, one, records)
        assert stalled.hits() > 0
    running.drained()
    compare("sqs-fifo", places["stalled"], records)
    for name, one in well.items():
        compare(name, one, records)


def test_a_role_whose_credentials_never_come_keeps_nobody_waiting(
    own: Clients, make: Factories, running: Running, place: Callable[..., Place], faults: Faults
) -> None:
    source = make.stream(own.account_id)
    role = make.role(own.account_id, [statement("sqs:SendMessage*", "*")], trusts={"AWS": own.account_id})
    well = {"queue": place("sqs"), "lambda": place("lambda")}
    places = {**well, "by-role": place("sqs", role=role)}
    running.register(source, {name: one.row for name, one in places.items()})
    records = orders(200)
    with faults.timeout(service="sts", operation="AssumeRole", resource=role) as stalled:
        running.hook(source)
        put(own.kinesis, source, records)
        eventually(running.behind, equals={"by-role"}, timeout=60, interval=0.2)
        for name, one in well.items():
            compare(name, one, records)
        assert stalled.hits() > 0
    running.drained()
    for name, one in places.items():
        compare(name, one, records)


def test_a_function_that_works_for_long_is_waited_for_by_the_drainer_alone(
    own: Clients, make: Factories, running: Running, place: Callable[..., Place], faults: Faults
) -> None:
    source = make.stream(own.account_id)
    waited = {"invocation": "RequestResponse", "answerSeconds": 30}
    places = {"queue": place("sqs"), "working": place("lambda", **waited)}
    running.register(source, {name: one.row for name, one in places.items()})
    records = orders(200)
    function = str(places["working"].row["destination"])
    # Longer than any other answer may take.
    with faults.latency(8_000, service="lambda", operation="Invoke", resource=function, applied=True) as working:
        running.hook(source)
        put(own.kinesis, source, records)
        for name, one in places.items():
            compare(name, one, records)
        eventually(running.behind, equals=set(), timeout=60, interval=0.2)
        assert working.hits() > 0
    compare("working", places["working"], records)


def test_a_target_is_away_for_a_minute_while_ten_thousand_records_go_to_all_nine_types(
    own: Clients, make: Factories, running: Running, place: Callable[..., Place], faults: Faults
) -> None:
    source = make.stream(own.account_id, shards=2)
    well = {name: place(name, **({"parallel": False} if name == "kinesis" else {})) for name in TARGETS}
    away = place("sqs-fifo")
    running.register(source, {**{name: one.row for name, one in well.items()}, "away": away.row})
    records = orders(RECORDS)
    began_s = time.monotonic()
    with faults.deny(service="sqs", resource=queue_name(away), duration_s=OUTAGE_S) as outage:
        put(own.kinesis, source, records)
        running.hook(source)
        for name, one in well.items():
            compare(name, one, records)
        eventually(running.sweep, equals=0, timeout=300, interval=2)
        assert outage.hits() > 0
    assert time.monotonic() - began_s >= OUTAGE_S
    compare("sqs-fifo", away, records)
    for name, one in well.items():
        compare(name, one, records)
    assert {name: running.kept(name) for name in (*well, "away")} == {name: [] for name in (*well, "away")}
