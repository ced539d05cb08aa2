"""Each alarm of a deployed replica goes on when what it is for happens, one record being enough."""

import json
from collections.abc import Iterator

import pytest

from integration_tests.support import alarms
from integration_tests.support.addressing import Cloud
from integration_tests.support.factories import objects
from integration_tests.support.typing_commands import Tributary, typed_in
from integration_tests.table_replica.deployed import Deployed, Eventually, request_item
from localcloud.faults import Faults
from operations.instruments.holding import held

pytestmark = pytest.mark.local

FIRST = 600_000


@pytest.fixture(autouse=True)
def _left_as_it_was(workshop: Deployed) -> Iterator[None]:
    """The stories of other modules find the replica equal and the on-failure bucket as it was."""
    bucket = workshop.replica.failure_bucket
    before = set(objects(workshop.clients.s3, bucket))
    yield
    for key in set(objects(workshop.clients.s3, bucket)) - before:
        workshop.clients.s3.delete_object(Bucket=bucket, Key=key)
    workshop.delete(*(f"request#{number}" for number in range(FIRST, FIRST + 10)))
    assert workshop.verify().equal


@pytest.fixture
def tributary(workshop: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tributary:
    return typed_in(workshop.engine, monkeypatch, capsys)


def on(workshop: Deployed) -> set[str]:
    """The alarms that are on, without the part of their names that all have."""
    found = alarms.states(workshop.clients).items()
    return {name.removeprefix("tributary-logfile-") for name, state in found if state == "ALARM"}


def test_a_record_that_waits_and_what_comes_late(
    workshop: Deployed, faults: Faults, eventually: Eventually, tributary: Tributary
) -> None:
    lambda_, function = workshop.clients.lambda_, workshop.replica.function
    # An invocation waits as long as its time lasts, and says so when that is over.
    lambda_.update_function_configuration(FunctionName=function, Timeout=8)
    denied = {"service": "dynamodb", "operation": "BatchWriteItem", "resource": workshop.replica.replica.name}
    try:
        with (
            alarms.changed(workshop.clients, "tributary-logfile-replicator-iterator-age", threshold=1000),
            faults.deny(**denied),
        ):
            workshop.put(request_item(FIRST))
            late = {"replicator-waiting", "replicator-iterator-age"}
            eventually(lambda: on(workshop), until=lambda found: late <= found, timeout=60)
            code, out, _ = tributary("status", "workshop", "--json")
            [seen] = json.loads(out)["stacks"]
            assert code == 1
            waiting = {one["name"]: one["waiting"] for one in seen["instances"]["logfile"]["functions"]}
            assert waiting[function] >= 1
            alarms_on = {one["resource"] for one in seen["findings"] if "this alarm is on" in one["problem"]}
            assert {f"tributary-logfile-{name}" for name in late} <= alarms_on
    finally:
        lambda_.update_function_configuration(FunctionName=function, Timeout=60)
    # What waited arrives; nothing of it is left to be in a batch with what the next story writes.
    assert workshop.verify(settle_s=30).equal


def test_a_function_that_fails_and_a_batch_that_is_given_up(
    workshop: Deployed, faults: Faults, eventually: Eventually
) -> None:
    lambda_, mapping = workshop.clients.lambda_, workshop.replica.mapping_id
    lambda_.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=0)
    try:
        with faults.crash(resource=workshop.replica.function, count=1):
            workshop.put(request_item(FIRST + 2))
            given_up = {"replicator-errors", "replicator-stream-on-failure"}
            eventually(lambda: on(workshop), until=lambda found: given_up <= found, timeout=60)
    finally:
        eventually(
            lambda: lambda_.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=-1),
            retry=(lambda_.exceptions.ResourceInUseException,),
        )


def test_a_function_without_concurrency(workshop: Deployed, eventually: Eventually) -> None:
    lambda_, function = workshop.clients.lambda_, workshop.replica.function
    lambda_.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    try:
        workshop.put(request_item(FIRST + 3))
        eventually(lambda: on(workshop), until=lambda found: "replicator-throttles" in found, timeout=60)
    finally:
        lambda_.delete_function_concurrency(FunctionName=function)


def test_a_mapping_that_is_held_while_its_table_is_written_to(
    workshop: Deployed, cloud: Cloud, eventually: Eventually, tributary: Tributary
) -> None:
    name = "tributary-logfile-replicator-stream"
    # Given a mapping that polls, and reads what its table gets
    workshop.put(request_item(FIRST + 4))
    assert workshop.verify().equal
    eventually(lambda: alarms.later(cloud, workshop.clients, 0)[f"{name}-not-polling"], equals="OK", timeout=30)

    # When what is written is not read, in a period of five seconds in place of five minutes
    with (
        held(workshop.replica.lambda_, workshop.replica.mapping_id),
        alarms.changed(workshop.clients, f"{name}-unread", period_s=5),
    ):

        def write() -> set[str]:
            workshop.put(request_item(FIRST + 5))
            return on(workshop)

        eventually(write, until=lambda found: "replicator-stream-unread" in found, timeout=60, interval=1)
        assert alarms.later(cloud, workshop.clients, 1800)[f"{name}-not-polling"] == "ALARM"
        code, out, _ = tributary("status", "workshop")
        assert code == 1
        assert "it is paused" in out
        assert "→ `tributary resume workshop --instance logfile` goes on" in out
    assert "it is paused" not in tributary("status", "workshop")[1]
