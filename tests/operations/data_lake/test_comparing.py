"""Two readings are compared in whatever order they come, and every difference is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.data_lake.comparing import compare

pytestmark = pytest.mark.pure

readings = st.dictionaries(st.text("abcdef", max_size=3), st.integers(0, 3), max_size=30)


@settings(max_examples=60)
@given(readings, readings, st.randoms(use_true_random=False))
def test_every_difference_is_found_and_nothing_else(
    source: dict[str, int], far_end: dict[str, int], random: Any
) -> None:
    def in_any_order(reading: dict[str, int]) -> list[tuple[str, int]]:
        return random.sample(list(reading.items()), len(reading))

    found = compare(lambda: in_any_order(source), lambda: in_any_order(far_end))

    assert set(found.missing) == source.keys() - far_end.keys()
    assert set(found.extra) == far_end.keys() - source.keys()
    assert set(found.differing) == {key for key in source.keys() & far_end.keys() if source[key] != far_end[key]}
    assert found.items == (len(source), len(far_end))


def test_exchanged_items_differ() -> None:
    found = compare(lambda: [("a", 1), ("b", 2)], lambda: [("a", 2), ("b", 1)])
    assert sorted(found.differing) == ["a", "b"]


def test_equal_readings_are_read_once() -> None:
    reads = []

    def reading() -> list[tuple[str, int]]:
        reads.append(1)
        return [(str(number), number) for number in range(100)]

    assert compare(reading, reading).total == 0
    assert len(reads) == 2


def test_shares_are_read_in_groups_that_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.data_lake.comparing.HELD_KEYS", 10)
    monkeypatch.setattr("operations.data_lake.comparing.SHARES", 8)
    found = compare(
        lambda: [(str(number), 1) for number in range(40)], lambda: [(str(number), 2) for number in range(40)]
    )
    assert len(found.differing) == 40
