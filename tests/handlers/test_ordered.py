"""Order and checkpoint under random failures: nothing is lost, and everything before the checkpoint is durable."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.shared.errors import NotYetError
from handlers.shared.ordered import Entry, OrderedRun, Work, batches_of
from handlers.shared.poison import UNDECIDABLE, Poison
from handlers.shared.streams import Failure
from handlers.shared.time_budget import MAX_DELAY_S, TimeBudget

pytestmark = pytest.mark.pure

FAULTS = st.sampled_from(["ok", "ok", "part", "throttle", "expired", "denied"])


@dataclass
class Store:
    """A far end that keeps the last body of each key and fails by its schedule; it refuses what is in `invalid`."""

    schedule: list[str] = field(default_factory=list)
    invalid: frozenset[int] = frozenset()
    content: dict[object, bytes] = field(default_factory=dict)

    def send(self, batch: Sequence[Entry]) -> list[Entry]:
        if any(entry.position in self.invalid for entry in batch):
            raise error("ValidationException")
        fault = self.schedule.pop() if self.schedule else "ok"
        if fault in CODES:
            raise error(CODES[fault])
        refused = {entry.key for entry in batch[::3]} if fault == "part" else set()
        self.content.update((entry.key, entry.body) for entry in batch if entry.key not in refused)
        return [entry for entry in batch if entry.key in refused]


CODES = {"throttle": "ThrottlingException", "expired": "ExpiredTokenException", "denied": "AccessDeniedException"}


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "BatchWriteItem")


class Clock:
    """A clock that only pauses move on, and each look a little. `meanwhile` is what others do during a pause."""

    def __init__(self, time_s: float, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.left_ms = time_s * 1000
        self._meanwhile = meanwhile

    def remaining_ms(self) -> int:
        self.left_ms -= 1
        return int(self.left_ms)

    def sleep(self, delay_s: float) -> None:
        self.left_ms -= delay_s * 1000
        self._meanwhile()


def budget(time_s: float = 120.0, meanwhile: Callable[[], object] = lambda: None) -> TimeBudget:
    clock = Clock(time_s, meanwhile)
    return TimeBudget(clock.remaining_ms, clock.sleep)


class ShuffledExecutor(Executor):
    """Plays threads in one: tasks run in an order drawn at random, and others run while one of them pauses."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = self._Asked(self)
        self._waiting.append((future, lambda: function(*arguments)))
        return future

    def run_some(self) -> None:
        """Runs one of the waiting tasks, or none."""
        if self._waiting and self._random.random() < 0.7:
            self.run_one()

    def run_one(self) -> None:
        future, task = self._waiting.pop(self._random.randrange(len(self._waiting)))
        future.set_result(task())

    class _Asked(Future[Any]):
        def __init__(self, executor: ShuffledExecutor) -> None:
            super().__init__()
            self._executor = executor

        def _wait(self) -> None:
            while not self.done():
                self._executor.run_one()

        def result(self, timeout: float | None = None) -> Any:
            self._wait()
            return super().result(timeout)

        def exception(self, timeout: float | None = None) -> BaseException | None:
            self._wait()
            return super().exception(timeout)


def entries(keys: Sequence[int], unreadable: frozenset[int] = frozenset(), start: int = 0) -> Iterator[Entry | Poison]:
    for position, key in enumerate(keys[start:], start):
        if position in unreadable:
            yield Poison(position, None, "cannot be read", UNDECIDABLE)
        else:
            yield Entry(position, key, b"%d" % position)


@settings(max_examples=100)
@given(
    keys=st.integers(0, 60).flatmap(lambda count: st.lists(st.integers(0, 15), min_size=count, max_size=count)),
    schedule=st.lists(FAULTS, max_size=20),
    storing=st.lists(st.booleans(), max_size=6),
    invalid=st.frozensets(st.integers(0, 59), max_size=4),
    unreadable=st.frozensets(st.integers(0, 59), max_size=4),
    time_s=st.sampled_from([120.0, 120.0, 2.0, 0.0]),
    random=st.none() | st.randoms(use_true_random=False),
)
def test_what_is_applied_and_what_is_set_aside_is_everything_and_in_order(
    keys: list[int],
    schedule: list[str],
    storing: list[bool],
    invalid: frozenset[int],
    unreadable: frozenset[int],
    time_s: float,
    random: Random | None,
) -> None:
    """Lambda's part is played here: resume at the reported record, until there is none."""
    store = Store(list(schedule), invalid)
    executor = random and ShuffledExecutor(random)
    meanwhile = executor.run_some if executor else lambda: None
    aside: set[int] = set()

    def set_aside(poison: Poison) -> None:
        if storing and not storing.pop():
            raise error("AccessDeniedException")
        aside.add(poison.position)

    resume = times = 0
    while resume < len(keys):
        run = OrderedRun(store.send, budget(time_s, meanwhile), set_aside=set_aside, executor=executor, threads=4)
        failure = run.apply(batches_of(entries(keys, unreadable, resume), max_entries=3, max_bytes=1000))
        reached = len(keys) if failure is None else failure.position
        assert reached >= resume
        poison = {position for position in invalid | unreadable if position < reached}
        assert poison <= aside, "not set aside, although it is before the checkpoint"
        for key, position in last_versions(keys[:reached], poison).items():
            assert int(store.content[key]) >= position, "not durable, although it is before the checkpoint"
        times = times + 1 if reached == resume else 0
        resume = reached
        assert times <= len(schedule) + 7, "it gets no further, although the faults are over"

    assert aside == {position for position in invalid | unreadable if position < len(keys)}
    assert store.content == {key: b"%d" % position for key, position in last_versions(keys, aside).items()}


def last_versions(keys: Sequence[int], aside: Collection[int]) -> dict[int, int]:
    return {key: position for position, key in enumerate(keys) if position not in aside}


def run_over(store: Store, count: int, time_s: float = 120.0) -> tuple[OrderedRun, Failure | None]:
    run = OrderedRun(store.send, budget(time_s))
    return run, run.apply(batches_of(entries(range(count)), max_entries=10, max_bytes=1000))


def test_each_retry_sends_only_what_was_left_and_is_counted() -> None:
    run, failure = run_over(Store(["part"]), 20)

    assert failure is None
    assert (run.counts.applied, run.counts.retried, run.counts.calls) == (20, 4, 3)


def test_the_offending_entry_is_found_in_few_calls() -> None:
    store = Store(invalid=frozenset({13}))
    calls: list[list[int]] = []
    run = OrderedRun(lambda batch: calls.append([entry.position for entry in batch]) or store.send(batch), budget())

    failure = run.apply(batches_of(entries(range(25)), max_entries=25, max_bytes=1000))

    assert failure is not None
    assert failure.position == 13
    assert sorted(store.content, key=str) == sorted(range(13), key=str)
    assert len(calls) <= 10


def test_a_run_that_sets_nothing_aside_ends_at_the_first_call_that_is_refused() -> None:
    run, failure = run_over(Store(["ok", "denied"]), 10)
    assert failure is not None
    assert (failure.position, run.counts.calls) == (0, 1)
    assert "grant or create what is missing" in failure.reason


def test_a_record_that_has_to_wait_stops_what_comes_after_it_and_nothing_before() -> None:
    def waiting() -> Iterator[Entry]:
        yield from (Entry(position, position, b"") for position in range(5))
        raise NotYetError("no table yet", 5)

    store = Store()
    run = OrderedRun(store.send, budget(), set_aside=lambda poison: None)
    assert run.apply(batches_of(waiting(), 3, 1000)) == Failure(5, 0, "no table yet")
    assert sorted(store.content) == [0, 1, 2, 3, 4]  # type: ignore[type-var]


def test_pauses_grow_to_a_limit_with_full_jitter_and_end_with_the_time() -> None:
    clock, bounds = Clock(60.0), []

    def highest(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    run = OrderedRun(Store(["throttle"] * 1000).send, TimeBudget(clock.remaining_ms, clock.sleep, highest))
    failure = run.apply([Work(list(entries(range(3))))])

    assert failure is not None
    assert failure.position == 0
    assert "time ran out" in failure.reason
    assert "ThrottlingException" in failure.reason
    assert bounds[:4] == [(0.0, 0.05), (0.0, 0.1), (0.0, 0.2), (0.0, 0.4)]
    assert bounds[-1] == (0.0, MAX_DELAY_S)
    assert clock.left_ms >= 10_000, "the reserve is not touched"


def test_what_is_taken_in_parts_keeps_its_pace_and_what_comes_next_begins_anew() -> None:
    clock, bounds = Clock(60.0), []

    def half(low: float, high: float) -> float:
        bounds.append(high)
        return high / 2

    # The schedule is taken from its end.
    store = Store(["throttle", "ok", "throttle", "part", "part", "throttle", "throttle"])
    run = OrderedRun(store.send, TimeBudget(clock.remaining_ms, clock.sleep, half))

    assert run.apply(batches_of(entries(range(40)), 20, 1000)) is None
    assert len(store.content) == 40
    assert bounds == [0.05, 0.1, 0.2, 0.2, 0.2, 0.05]


def test_a_mistake_in_the_code_is_not_taken_for_a_bad_record() -> None:
    def broken(_batch: Sequence[Entry]) -> list[Entry]:
        raise KeyError("a mistake")

    with ThreadPoolExecutor(4) as threads:
        for executor in (None, threads):
            run = OrderedRun(broken, budget(), executor=executor, threads=4)
            with pytest.raises(KeyError, match="a mistake"):
                run.apply(batches_of(entries(range(30)), 5, 1000))


def test_batches_end_at_the_limit_of_entries_or_bytes() -> None:
    sizes = [40, 40, 40, 200, 1, 1, 1, 1]
    batches = batches_of((Entry(index, index, b"x" * size) for index, size in enumerate(sizes)), 3, 100)
    assert [[entry.position for entry in work.entries] for work in batches] == [[0, 1], [2], [3], [4, 5, 6], [7]]
