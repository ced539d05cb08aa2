"""A scan that goes on after its last key meets every item that nobody touches once, whatever happens to the others."""

import base64
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.emulator.dynamodb.scan_order import BUCKETS, ScanOrder, bucket_of, segment_of

pytestmark = pytest.mark.pure

EVERYWHERE = range(BUCKETS)
KEYS = st.tuples(st.integers(0, 20).map(str), st.integers(0, 20).map(str))


def order_of(keys, sort_type="S") -> ScanOrder:
    order = ScanOrder(sort_type)
    for key in keys:
        order.add(key)
    return order


@given(kept=st.sets(KEYS), deleted=st.sets(KEYS), added=st.sets(KEYS), size=st.integers(1, 5), step=st.integers(1, 3))
def test_untouched_items_appear_once(kept, deleted, added, size, step) -> None:
    touched = deleted | added
    untouched = kept - touched
    order = order_of(kept | deleted)
    changes = iter([*((order.discard, key) for key in sorted(deleted)), *((order.add, key) for key in sorted(added))])
    seen, after = [], None
    while page := list(islice(order.keys(EVERYWHERE, after), size)):
        seen += page
        after = page[-1]
        for change, key in islice(changes, step):
            change(key)
    assert sorted(key for key in seen if key in untouched) == sorted(untouched)
    for change, key in changes:
        change(key)
    assert sorted(order.keys(EVERYWHERE)) == sorted(untouched | added)


def test_a_scan_goes_on_after_a_deleted_key() -> None:
    keys = [(str(number), "sort") for number in range(50)]
    order = order_of(keys)
    first, second, *rest = order.keys(EVERYWHERE)
    order.discard(first)
    assert list(order.keys(EVERYWHERE, first)) == [second, *rest]


@pytest.mark.parametrize("total", [1, 2, 3, 7, 50, BUCKETS, BUCKETS + 1, 5000, 1_000_000])
def test_every_bucket_is_in_one_segment(total) -> None:
    segments = [bucket for segment in range(total) for bucket in segment_of(segment, total)]
    assert segments == list(EVERYWHERE)


@pytest.mark.parametrize("total", [2, 4, 16])
def test_segments_are_about_equal(total) -> None:
    keys = [f"request#{number}" for number in range(20_000)]
    counts = [sum(bucket_of(key) in segment_of(segment, total) for key in keys) for segment in range(total)]
    assert max(counts) < 1.3 * min(counts)


@pytest.mark.parametrize(
    ("sort_type", "sorts"),
    [
        ("N", ["-20", "-3", "0", "0.5", "9", "10", "100"]),
        ("S", ["", "10", "9", "a", "ä", "\U0001f600"]),
        ("B", [base64.b64encode(value).decode() for value in (b"\x00", b"\x01", b"\x7f", b"\xfb", b"\xff\xff")]),
        (None, ["one"]),
    ],
)
def test_a_partition_is_in_the_order_of_its_sort_key(sort_type, sorts) -> None:
    order = order_of([("partition", sort) for sort in reversed(sorts)], sort_type)
    assert [sort for _, sort in order.keys(EVERYWHERE)] == sorts
    assert [sort for _, sort in order.keys(EVERYWHERE, ("partition", sorts[0]))] == sorts[1:]
