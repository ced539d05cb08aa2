"""Whatever is written and whatever fails: at the end the replica equals the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from fake_aws import FakeContext, Fault, Partly, Refusal, Timeout
from fake_replica import POSITIONS, REPLICA, FakeReplica, Write, number, stream_event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.pure

KEYS = st.sampled_from("abcde")
VALUES = st.integers(0, 9)
WRITES = st.lists(
    st.one_of(st.tuples(KEYS, VALUES.map(lambda value: {"v": {"N": str(value)}})), st.tuples(KEYS, st.none())),
    min_size=1,
    max_size=60,
)
FAULTS = st.lists(
    st.one_of(
        st.none(),
        st.just(Timeout()),
        st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True).map(lambda failed: Partly(tuple(failed))),
        st.sampled_from(["ThrottlingException", "InternalServerError", "AccessDeniedException", "ValidationException"])
        .map(Refusal),
    ),
    max_size=40,
)  # fmt: skip
BATCH_SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeReplica]:
    fake = FakeReplica()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.httpsession.URLLib3Session.send", lambda _session, request: fake.send(request))
        patch.setattr("handlers.shared.time_budget.BASE_DELAY_S", 0.0)
        yield fake


def start_again(fake: FakeReplica, operation: str, faults: list[Fault]) -> None:
    fake.tables.clear()
    fake.calls.clear()
    fake._script.clear()
    fake.script(operation, *faults)


def deliver(handler: Callable[..., Any], writes: list[Write], sizes: list[int]) -> None:
    """As Lambda does: batches in order, and again from the checkpoint until all of a batch is applied."""
    start, turn = 0, 0
    while start < len(writes):
        size = sizes[turn % len(sizes)]
        turn += 1
        reply = handler(stream_event(writes[start : start + size], first=start), FakeContext())
        failures = reply["batchItemFailures"]
        numbers = {number(index): index for index in range(len(writes))}
        start = numbers[failures[0]["itemIdentifier"]] if failures else min(start + size, len(writes))


def source_after(writes: list[Write]) -> dict[str, Any]:
    source: dict[str, Any] = {}
    for key, item in writes:
        source.pop(key, None)
        if item is not None:
            source[key] = {"PK": {"S": key}, **item}
    return source


def replica(fake: FakeReplica) -> dict[str, Any]:
    return {item["PK"]["S"]: item for item in fake.replica().values()}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES, faults=FAULTS, sizes=BATCH_SIZES)
def test_the_replica_ends_equal_under_any_failures(
    fake: FakeReplica, load: Callable[..., ModuleType], writes: list[Write], faults: list[Fault], sizes: list[int]
) -> None:
    replicator = load("table_replicator", REPLICA_TABLE=REPLICA, ROLE_ARN="", POSITIONS_TABLE="")
    start_again(fake, "BatchWriteItem", faults)
    deliver(replicator.handler, writes, sizes)
    assert replica(fake) == source_after(writes)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    writes=WRITES,
    faults=FAULTS,
    sizes=BATCH_SIZES,
    late=st.lists(st.tuples(st.integers(0, 59), st.integers(1, 20)), max_size=5),
)
def test_a_guarded_replica_ends_equal_also_when_batches_come_late(
    fake: FakeReplica,
    load: Callable[..., ModuleType],
    writes: list[Write],
    faults: list[Fault],
    sizes: list[int],
    late: list[tuple[int, int]],
) -> None:
    replicator = load("table_replicator", REPLICA_TABLE=REPLICA, ROLE_ARN="", POSITIONS_TABLE=POSITIONS)
    start_again(fake, "TransactWriteItems", faults)
    deliver(replicator.handler, writes, sizes)
    for start, size in late:
        replicator.handler(stream_event(writes[start : start + size], first=start), FakeContext())
    assert replica(fake) == source_after(writes)
