"""Buffers close by size or by time, whichever comes first, and lose nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.emulator.firehose.buffering import Buffers

pytestmark = pytest.mark.pure


def test_a_full_buffer_closes_at_once():
    buffers: Buffers[str, str] = Buffers(10, 60)
    assert buffers.add("k", "a", 4, 0) == []
    assert buffers.add("k", "b", 6, 1) == [("k", ["a", "b"])]
    assert len(buffers) == 0


def test_an_item_that_does_not_fit_closes_the_buffer_before_it():
    buffers: Buffers[str, str] = Buffers(10, 60)
    buffers.add("k", "a", 7, 0)
    assert buffers.add("k", "b", 7, 5) == [("k", ["a"])]
    assert buffers.next_due_s() == 65


def test_an_item_larger_than_the_size_is_a_batch_of_its_own():
    buffers: Buffers[str, str] = Buffers(10, 60)
    buffers.add("k", "a", 1, 0)
    assert buffers.add("k", "large", 11, 0) == [("k", ["a"]), ("k", ["large"])]


def test_the_interval_counts_from_the_first_item_of_each_key():
    buffers: Buffers[str, int] = Buffers(100, 10)
    buffers.add("a", 1, 1, 0)
    buffers.add("b", 2, 1, 4)
    buffers.add("a", 3, 1, 9)
    assert buffers.due(9.9) == []
    assert buffers.next_due_s() == 10
    assert buffers.due(10) == [("a", [1, 3])]
    assert buffers.due(14) == [("b", [2])]
    assert buffers.next_due_s() is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12)), max_size=60), st.integers(1, 12))
def test_every_item_comes_out_once_in_the_order_of_its_key(items, size_bytes):
    buffers: Buffers[str, int] = Buffers(size_bytes, 5)
    closed = []
    for number, (key, size) in enumerate(items):
        closed += buffers.add(key, number, size, float(number))
    closed += buffers.due(float("inf"))
    for key in "abc":
        assert [item for k, batch in closed if k == key for item in batch] == [
            number for number, (k, _) in enumerate(items) if k == key
        ]
    for _, batch in closed:
        assert len(batch) == 1 or sum(items[number][1] for number in batch) <= size_bytes
    assert buffers.buffered_bytes() == 0
