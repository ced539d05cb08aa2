"""Two tables of any content: exactly what differs is named, and nothing that is merely late."""

from __future__ import annotations

import random
from typing import Any

import pytest
from fake_table import FakeDynamoDB, rows, table
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.errors import OperationError
from operations.instruments import comparing
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.verifying import Report, summary, verify

pytestmark = pytest.mark.pure


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def compared(source: FakeDynamoDB, replica: FakeDynamoDB, segments: int = 5, clock: Clock | None = None) -> Report:
    clock = clock or Clock()
    patience = Patience(settle_s=10, longest_s=60, clock=clock, sleep=clock.sleep)
    return verify(table(source), table(replica, "replica"), patience, RateLimit(None), segments=segments)


VALUES = st.dictionaries(st.integers(0, 60), st.integers(0, 3), max_size=60)


def numbered(values: dict[int, int]) -> FakeDynamoDB:
    fake = FakeDynamoDB()
    fake.put(*({"PK": {"S": str(key)}, "v": {"N": str(value)}} for key, value in values.items()))
    return fake


def text(key: int) -> str:
    return f'[{{"S":"{key}"}}]'


@settings(max_examples=60)
@given(here=VALUES, there=VALUES, segments=st.integers(1, 9), salt=st.integers(0, 1))
def test_exactly_what_differs_is_found(here: dict[int, int], there: dict[int, int], segments: int, salt: int) -> None:
    """Also when the replica's segments hold other items than the source's (`salt`)."""
    source, replica = numbered(here), numbered(there)
    replica.salt = salt

    report = compared(source, replica, segments)

    assert set(report.missing) == {text(key) for key in here.keys() - there.keys()}
    assert set(report.extra) == {text(key) for key in there.keys() - here.keys()}
    assert {one.key for one in report.differing} == {
        text(key) for key in here.keys() & there.keys() if here[key] != there[key]
    }
    assert report.equal is (here == there)
    assert report.items == (len(here), len(there))


def test_only_differing_segments_are_read_again() -> None:
    source, replica = numbered(dict.fromkeys(range(60), 1)), numbered(dict.fromkeys(range(60), 1) | {7: 2})
    report = compared(source, replica, segments=10)
    assert (report.segments, report.differing_segments) == (10, 1)
    again = [key for key in source.items if source.items[key] != replica.items[key]]
    assert [one.key for one in report.differing] == again
    assert report.differing[0].attributes == ["v"]


def test_few_keys_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "HELD_KEYS", 10)
    source, replica = numbered(dict.fromkeys(range(200), 1)), numbered(dict.fromkeys(range(100, 300), 2))
    report = compared(source, replica, segments=2)
    assert (len(report.missing), len(report.extra), len(report.differing)) == (100, 100, 100)


def test_a_change_on_its_way_is_waited_for() -> None:
    source, replica, clock = numbered({1: 1, 2: 2}), numbered({1: 1}), Clock()

    def arrive(seconds: float) -> None:
        clock.now += seconds
        if clock.now > 5:
            replica.put({"PK": {"S": "2"}, "v": {"N": "2"}})

    patience = Patience(settle_s=10, longest_s=60, clock=clock, sleep=arrive)
    report = verify(table(source), table(replica), patience, RateLimit(None))
    assert report.equal
    assert 5 < report.seconds < 10
    told = "Equal: 2 items in the source, 1 in the replica when they were first read, and equal since; "
    assert summary(report.as_json(["PK"], values=False)).startswith(told)


def test_an_item_that_keeps_changing_is_unsettled_and_not_different() -> None:
    source, replica, clock = numbered({1: 0}), numbered({1: -1}), Clock()

    def change(seconds: float) -> None:
        clock.now += seconds
        source.put({"PK": {"S": "1"}, "v": {"N": str(int(clock.now * 10))}})

    patience = Patience(settle_s=10, longest_s=60, clock=clock, sleep=change)
    report = verify(table(source), table(replica), patience, RateLimit(None))
    assert (report.unsettled, report.differing, report.equal) == ([text(1)], [], False)


def test_too_many_differences_are_counted_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("instruments.comparing", "instruments.verifying"):
        monkeypatch.setattr(f"operations.{module}.KEPT_KEYS", 30)
    source = numbered(dict.fromkeys(range(100), 1))
    report = compared(source, FakeDynamoDB())
    assert not report.equal
    assert len(report.missing) + report.more == 100


def test_tables_with_other_keys_are_refused() -> None:
    with pytest.raises(OperationError, match="`logfile` has the key PK, `replica` has PK and SK"):
        compared(FakeDynamoDB(), FakeDynamoDB(keys=("PK", "SK")))


def test_values_are_in_the_report_on_request_only() -> None:
    report = compared(numbered({1: 1}), numbered({1: 2}))
    shown: dict[str, Any] = report.as_json(["PK"], values=False)
    assert shown["differing"] == [{"key": {"PK": {"S": "1"}}, "attributes": ["v"]}]
    assert "source" in report.as_json(["PK"], values=True)["differing"][0]
    assert summary(shown).startswith("Different: 1 items in the source, 1 in the replica; 1 of 5 segments")


def test_keys_left_unprocessed_are_asked_for_again() -> None:
    source = FakeDynamoDB(left=[90, 50, 0])
    source.put(*rows(100))
    assert len(table(source).get(source.items)) == 100


def test_capacity_is_kept_to() -> None:
    clock = Clock()
    limit = RateLimit(10, clock=clock, sleep=clock.sleep)
    randomness = random.Random(1)
    spent = sum((limit.spend(units), units)[1] for units in (randomness.uniform(0, 5) for _ in range(100)))
    assert clock.now == pytest.approx(spent / 10)
    assert limit.spent == pytest.approx(spent)
