"""Targets that throttle, fail in parts, are away, or lose their credentials: they get everything once they are well,
and the others never notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from integration_tests.fan_out.comparing import compare, orders
from integration_tests.fan_out.places import Index, Place, Values
from integration_tests.fan_out.running import Running, put
from integration_tests.support.addressing import Clients, statement
from integration_tests.support.factories import Factories
from integration_tests.support.waiting import eventually
from localcloud.faults import Faults

pytestmark = [pytest.mark.local, pytest.mark.differs("plain", "it has no control API")]


def name_of(place: Place) -> str:
    """What faults select a target by: its name, at the end of its destination."""
    return str(place.row["destination"]).replace(":", "/").rpartition("/")[2]


def test_what_is_throttled_or_fails_in_parts_is_sent_again_and_nothing_twice(
    own: Clients, make: Factories, running: Running, place: Callable[..., Place], faults: Faults
) -> None:
    """The original took no notice of FailedRecordCount, FailedPutCount and Failed."""
    source = make.stream(own.account_id)
    partly = {"kinesis": "PutRecords", "firehose": "PutRecordBatch", "sqs": "SendMessageBatch", "sns": "PublishBatch"}
    wholly = {"iot": "iot-data", "lambda": "lambda"}
    places = {name: place(name, **({"collapse": "none"} if name in partly else {})) for name in (*partly, *wholly)}
    running.register(source, {name: one.row for name, one in places.items()})
    records = orders(200)
    put(own.kinesis, source, records)
    with ExitStack() as ill:
        struck = {
            name: ill.enter_context(
                faults.partial(service=name, operation=operation, resource=f"*{name_of(places[name])}*", count=2)
            )
            for name, operation in partly.items()
        }
        for name, service in wholly.items():
            where = {"resource": f"*{name_of(places[name])}*"} if name == "lambda" else {}
            struck[name] = ill.enter_context(faults.throttle(service=service, account=own.account_id, count=2, **where))
        running.hook(source)
        twice = dict.fromkeys(places, 2)
        eventually(
            lambda: {name: fault.hits() for name, fault in struck.items()}, equals=twice, timeout=90, interval=0.2
        )
    running.drained()
    for name, one in places.items():
        compare(name, one, records)


def test_targets_that_were_away_have_everything_in_order_and_the_others_nothing_twice(
    own: Clients, make: Factories, running: Running, place: Callable[..., Place], faults: Faults, search_node: Any
) -> None:
    source = make.stream(own.account_id, shards=2)
    ordered = {"parallel": False}
    well = {"sqs": place("sqs-fifo"), "kinesis": place("kinesis", **ordered), "lambda": place("lambda")}
    ill: dict[str, Place] = {
        "redis": place("redis"),
        "memcached": place("memcached"),
        "es": place("es"),
        "queue": place("sqs-fifo"),
        "stream": place("kinesis", **ordered),
    }
    places = {**well, **ill}
    running.register(source, {name: one.row for name, one in places.items()})
    running.hook(source)
    before, during, after = orders(80), orders(200, 80), orders(80, 280)
    put(own.kinesis, source, before)
    for name, one in places.items():
        compare(name, one, before)

    caches = [one.cache for one in ill.values() if isinstance(one, Values)]
    [index] = [one for one in ill.values() if isinstance(one, Index)]
    with (
        faults.deny(service="sqs", resource=f"*{name_of(ill['queue'])}*"),
        faults.error(service="kinesis", operation="PutRecords", resource=f"*{name_of(ill['stream'])}*"),
    ):
        for cache in caches:
            cache.stop()
        search_node.request("PUT", f"/{index.name}/_settings", {"index.blocks.write": True})
        put(own.kinesis, source, during)
        for name, one in well.items():
            compare(name, one, [*before, *during])
        eventually(running.behind, equals=set(ill), timeout=60, interval=0.2)
        put(own.kinesis, source, after)
        for name, one in well.items():
            compare(name, one, [*before, *during, *after])
        assert running.sweep() == len(ill)

    for cache in caches:
        cache.start()
    search_node.request("PUT", f"/{index.name}/_settings", {"index.blocks.write": None})
    running.drained()
    for name, one in places.items():
        compare(name, one, [*before, *during, *after])
    assert {name: running.kept(name) for name in places} == {name: [] for name in places}


def test_targets_of_another_account_are_reached_by_role_or_policy_and_with_new_credentials(
    own: Clients,
    account: Callable[[], str],
    clients: Callable[[str], Clients],
    make: Factories,
    running: Running,
    place: Callable[..., Place],
    place_of: Callable[[Clients], Callable[..., Place]],
    faults: Faults,
) -> None:
    other = clients(account())
    source = make.stream(own.account_id)
    theirs = place_of(other)
    by_role, by_policy, function = theirs("sqs"), theirs("kinesis"), theirs("lambda")
    role = make.role(
        other.account_id,
        [statement("sqs:SendMessage*", "*")],
        trusts={"AWS": own.account_id},
        conditions={"StringEquals": {"sts:ExternalId": "shared-secret"}},
    )
    stream_arn = f"arn:aws:kinesis:{other.region}:{other.account_id}:stream/{by_policy.row['destination']}"
    caller = {"AWS": f"arn:aws:iam::{own.account_id}:root"}
    policy = [statement("kinesis:PutRecords", stream_arn, Principal=caller)]
    other.kinesis.put_resource_policy(
        ResourceARN=stream_arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": policy})
    )
    other.lambda_.add_permission(
        FunctionName=function.row["destination"],
        StatementId="platform",
        Action="lambda:InvokeFunction",
        Principal=own.account_id,
    )
    rows = {
        "by-role": {**by_role.row, "role": role, "externalId": "shared-secret"},
        "wrong-id": {**theirs("sqs").row, "role": role, "externalId": "guessed"},
        "by-policy": {**by_policy.row, "destination": stream_arn},
        "function": function.row,
    }
    running.register(source, rows)
    running.hook(source)
    first, second = orders(80), orders(80, 80)
    put(own.kinesis, source, first)
    places = {"by-role": by_role, "by-policy": by_policy, "function": function}
    for name, one in places.items():
        compare(name, one, first)
    with faults.expire(service="sqs", account=other.account_id, count=1) as expired:
        put(own.kinesis, source, second)
        for name, one in places.items():
            compare(name, one, [*first, *second])
        assert expired.hits() == 1
    assert running.behind() == {"wrong-id"}


def test_thirty_targets_among_five_thousand_rows_and_wrong_ones(
    own: Clients, make: Factories, running: Running, place: Callable[..., Place]
) -> None:
    """The original read the first page of rows alone, and passed wrong ones over in silence."""
    source = make.stream(own.account_id)
    places = {f"target{number:04}": place("sqs") for number in range(30)}
    idle = {"type": "sqs", "destination": places["target0000"].row["destination"], "active": False, "pad": "x" * 300}
    rows: dict[str, dict[str, Any]] = {f"idle{number:04}": idle for number in range(4_967)}
    wrong = {
        "wrong-type": {"type": "ftp", "destination": "ftp.example.com"},
        "wrong-form": {"type": "sqs", "destination": "orders"},
        "wrong-option": {"type": "sqs", "destination": idle["destination"], "collapse": "json"},
    }
    running.register(source, {**rows, **{name: one.row for name, one in places.items()}, **wrong})
    records = orders(80)
    put(own.kinesis, source, records)
    running.hook(source)
    for name, one in places.items():
        compare(name, one, records)
    logged = own.logs.filter_log_events(logGroupName=f"/aws/lambda/{running.source.name}", filterPattern="wrongRows")
    # LocalStack takes no notice of the pattern.
    first, *_ = [one["message"] for one in logged["events"] if "wrongRows" in one["message"]]
    assert all(name in first for name in wrong)
