"""Whatever is written, resharded and fails: at the end the replica equals the source."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from fake_aws import FakeContext, Fault, Killed, Partly, Refusal, Timeout
from fake_replica import POSITIONS, REPLICA, FakeReplica
from fake_stream import Event, Mapping, Source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operations.instruments.redriving import refreshed

pytestmark = pytest.mark.pure

KEYS = st.sampled_from("abcde")
VALUES = st.integers(0, 9).map(lambda value: {"N": str(value)})
WRITES = st.one_of(
    st.tuples(st.just("put"), KEYS, VALUES),
    st.tuples(st.just("update"), KEYS, VALUES),
    st.tuples(st.just("delete"), KEYS, st.none()),
)
SIZES = st.integers(1, 30)
ACCIDENTS = st.sampled_from(["none", "none", "crash before", "crash after", "twice", "give up"])
DELIVERIES = st.tuples(st.just("deliver"), st.integers(0, 7), SIZES, st.sampled_from([0, 0, 0, 3, 20]), ACCIDENTS)
LATE = st.tuples(st.integers(0, 7), st.integers(0, 40), SIZES)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(WRITES, min_size=1, max_size=12)),
        DELIVERIES,
        st.tuples(st.just("reshard"), st.integers(0, 7), st.integers(1, 3)),
        st.tuples(st.just("redrive"), st.integers(0, 7)),
        LATE.map(lambda late: ("late", *late)),
    ),
    min_size=2,
    max_size=30,
)
FAULTS = st.lists(
    st.one_of(
        st.none(),
        st.just(Timeout()),
        st.booleans().map(Killed),
        st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True).map(lambda failed: Partly(tuple(failed))),
        st.sampled_from(["ThrottlingException", "InternalServerError", "AccessDeniedException", "ValidationException"])
        .map(Refusal),
    ),
    max_size=40,
)  # fmt: skip
PROPERTY = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

Loader = Callable[..., ModuleType]


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeReplica]:
    fake = FakeReplica()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.httpsession.URLLib3Session.send", lambda _session, request: fake.send(request))
        patch.setattr("handlers.shared.time_budget.BASE_DELAY_S", 0.0)
        yield fake


class Story:
    """A source, its replica, and what happens to both: a method for each kind of step."""

    def __init__(self, fake: FakeReplica, load: Loader, guarded: bool, faults: list[Fault]) -> None:
        fake.tables.clear()
        fake.calls.clear()
        fake.objects.clear()
        fake._script.clear()
        fake.script("TransactWriteItems" if guarded else "BatchWriteItem", *faults)
        replicator = load("table_replicator", REPLICA_TABLE=REPLICA, POSITIONS_TABLE=POSITIONS if guarded else "")
        self.fake, self.guarded, self.source = fake, guarded, Source()
        self.mapping = Mapping(self.source, self._invoke)
        self._replicator = replicator

    def _invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the handler sets aside joins what the mapping gives up: both are redriven."""
        try:
            reply: dict[str, Any] = self._replicator.handler(event, FakeContext())
            return reply
        finally:
            self.mapping.bucket += [json.loads(kept["payload"])["Records"] for kept in self.fake.poison().values()]
            self.fake.objects.clear()

    def write(self, writes: list[tuple[str, str, Any]]) -> None:
        for kind, key, value in writes:
            self.source.write(key, CHANGES[kind](value))

    def deliver(self, *how: Any) -> None:
        self.mapping.deliver(*how)

    def reshard(self, which: int, into: int) -> None:
        self.source.reshard(which, into)

    def redrive(self, which: int) -> None:
        """As `tributary redrive` does: a guarded replica gets batches as they are, another one what the source has."""
        self.mapping.redrive(which, lambda batch: batch if self.guarded else self._refreshed(batch))

    def late(self, which: int, start: int, size: int) -> None:
        """A batch comes again out of turn, which is for guarded replicas only."""
        if self.guarded:
            shard = self.source.shards[which % len(self.source.shards)]
            if shard.records:
                start %= len(shard.records)
                self.mapping.invoke(shard.records[start : start + size])

    def end(self) -> None:
        """No more accidents than the faults that are left, until everything is applied."""
        turns = 0
        while self.mapping.is_behind():
            turns += 1
            assert turns < 200, "the mapping gets no further"
            for which in range(len(self.source.shards)):
                self.mapping.deliver(which, 10, 0, "none")
            self.redrive(0)

    def replica(self) -> dict[str, Any]:
        return {item["PK"]["S"]: item for item in self.fake.replica().values()}

    def expected(self) -> dict[str, Any]:
        return {key: {"PK": {"S": key}, **item} for key, item in self.source.items.items()}

    def _refreshed(self, batch: Event) -> Event:
        return list(refreshed(batch, self.source))


# What a write makes of an item.
CHANGES: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "put": lambda value: lambda _item: {"v": value},
    "update": lambda value: lambda item: {**(item or {}), "u": value},
    "delete": lambda _: lambda _item: None,
}


@pytest.mark.parametrize("guarded", [False, True], ids=["unguarded", "guarded"])
@PROPERTY
@given(steps=STEPS, faults=FAULTS, last=st.lists(LATE, max_size=5))
def test_the_replica_ends_equal_whatever_happens(
    fake: FakeReplica,
    load: Loader,
    guarded: bool,
    steps: list[tuple[Any, ...]],
    faults: list[Fault],
    last: list[tuple[int, int, int]],
) -> None:
    story = Story(fake, load, guarded, faults)
    for name, *arguments in steps:
        getattr(story, name)(*arguments)
    story.end()
    for late in last:
        story.late(*late)
    assert story.replica() == story.expected()
