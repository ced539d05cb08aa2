"""Token buckets refill with time, up to their burst, and pay overdrafts back."""

import pytest

from localcloud.emulator.throughput.buckets import Bucket

pytestmark = pytest.mark.pure


def test_units_come_back_up_to_the_burst() -> None:
    bucket = Bucket(rate=2, burst=10, level=4, stamp_s=100)
    assert bucket.left(101) == 6
    assert bucket.left(200) == 10


def test_an_overdraft_is_paid_back() -> None:
    bucket = Bucket(rate=2, burst=10, level=1, stamp_s=100)
    bucket.level -= 9
    assert bucket.left(100) == -8
    assert bucket.left(104) == 0
    assert bucket.left(105) == 2
