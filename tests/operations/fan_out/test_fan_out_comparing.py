"""What a target should have, against what it has: what is missing, late or somebody else's."""

import pytest

from handlers.fan_out.contract import Message
from operations.fan_out.comparing import Arrived, Verdict, compare

pytestmark = pytest.mark.pure


def messages(*data: str, key: str = "k", start: int = 1) -> list[Message]:
    return [
        Message(0, None, key, f"shardId-000000000000:{number}", one.encode()) for number, one in enumerate(data, start)
    ]


def arrived(*data: str, key: str = "k") -> list[Arrived]:
    return [Arrived(key, one.encode()) for one in data]


def ids(*numbers: int) -> set[str]:
    return {f"shardId-000000000000:{number}" for number in numbers}


def test_all_of_it_in_order_is_equal() -> None:
    verdict = compare(messages("a", "b", "a"), set(), set(), arrived("a", "b", "a"), ordered=True)
    assert verdict == Verdict(expected=3, waiting=0, failed=0, missing=[])
    assert verdict.equal


def test_what_waits_or_failed_is_not_missed() -> None:
    verdict = compare(messages("a", "b", "c"), ids(2), ids(3), arrived("a"), ordered=True)
    assert (verdict.expected, verdict.waiting, verdict.failed, verdict.equal) == (1, 1, 1, True)


def test_what_is_missing_is_named() -> None:
    verdict = compare(messages("a", "b", "a"), set(), set(), arrived("b", "a"), ordered=False)
    assert verdict.missing == ["shardId-000000000000:3"]
    assert not verdict.equal


def test_the_key_counts_as_well_as_the_data() -> None:
    assert compare(messages("a"), set(), set(), arrived("a", key="other"), ordered=False).missing


def test_another_order_within_a_key_is_late_only_where_an_order_is_promised() -> None:
    both = [*messages("a", "b"), *messages("c", key="other", start=3)]
    came = [*arrived("c", key="other"), *arrived("b", "a")]
    assert compare(both, set(), set(), came, ordered=True).late == ("k",)
    assert compare(both, set(), set(), came, ordered=False).equal


def test_a_second_delivery_is_counted_and_disturbs_no_order() -> None:
    verdict = compare(messages("a", "b"), set(), set(), arrived("a", "b", "a", "b"), ordered=True)
    assert (verdict.repeated, verdict.equal) == (2, True)


def test_records_of_an_aggregate_are_ordered_by_their_place_in_it() -> None:
    parts = [Message(0, part, "k", f"shard:7.{part:07}", str(part).encode()) for part in (2, 10)]
    assert compare(parts, set(), set(), arrived("2", "10"), ordered=True).equal
    assert compare(parts, set(), set(), arrived("10", "2"), ordered=True).late == ("k",)


def test_what_somebody_else_put_there_is_counted() -> None:
    assert compare(messages("a"), set(), set(), arrived("a", "x"), ordered=True).others == 1
