"""The instruments that judge the copy are right: nothing unsent is called sent, no difference is overlooked."""

from decimal import Decimal
from typing import Any

import pytest

from operations.cross_account_copy.comparing import difference
from operations.cross_account_copy.expecting import by_key, expected_item, expected_items, parse
from operations.cross_account_copy.observing import duplicates
from operations.cross_account_copy.sending import MAX_BYTES, MAX_RECORDS, Record, Sent, send
from operations.errors import OperationError

pytestmark = pytest.mark.pure


class Kinesis:
    """Takes records, except for the calls and places that it is told to refuse."""

    def __init__(self, refuse: dict[int, set[int]] | None = None, always: bool = False) -> None:
        self.calls: list[list[bytes]] = []
        self._refuse = refuse or {}
        self._always = always

    def put_records(self, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        call = len(self.calls)
        self.calls.append([record["Data"] for record in Records])
        refused = set(range(len(Records))) if self._always else self._refuse.get(call, set())
        return {
            "Records": [
                {"ErrorCode": "ProvisionedThroughputExceededException"}
                if place in refused
                else {"ShardId": "shardId-000000000000", "SequenceNumber": f"{call:03}{place:05}"}
                for place in range(len(Records))
            ]
        }


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.cross_account_copy.sending.time.sleep", lambda _seconds: None)


def records(count: int, size: int = 3) -> list[Record]:
    return [Record("key", f"{number:0{size}}".encode()) for number in range(count)]


def test_what_the_stream_refuses_is_put_again_and_nothing_else() -> None:
    kinesis = Kinesis({0: {1, 3}, 1: {0}})
    counts: list[int] = []
    sent = send(kinesis, "clicks", records(5), counts.append)  # type: ignore[arg-type]  # stands for a client
    assert kinesis.calls == [[b"000", b"001", b"002", b"003", b"004"], [b"001", b"003"], [b"001"]]
    assert sorted(one.record.data for one in sent) == [b"000", b"001", b"002", b"003", b"004"]
    assert counts == [3, 1, 1]


def test_a_stream_that_never_takes_a_record_is_told_with_what_to_do() -> None:
    with pytest.raises(OperationError, match=r"refused 2 records 12 times \(Provisioned.*\)\. Raise `shardCount`"):
        send(Kinesis(always=True), "clicks", records(2))  # type: ignore[arg-type]  # stands for a client


def test_batches_keep_both_limits_of_put_records() -> None:
    kinesis = Kinesis()
    large = records(12, size=MAX_BYTES // 5)
    send(kinesis, "clicks", [*records(MAX_RECORDS + 1), *large])  # type: ignore[arg-type]  # stands for a client
    assert len(kinesis.calls[0]) == MAX_RECORDS
    assert all(sum(map(len, call)) + 3 * len(call) <= MAX_BYTES for call in kinesis.calls)
    assert sum(map(len, kinesis.calls)) == MAX_RECORDS + 1 + len(large)


def test_the_expected_item_is_the_published_one() -> None:
    data = b'{"event": "page view", "amount": 0.10, "none": null, "empty": "", "nested": {"none": null}}'
    sent = Sent(Record("key", data), "shardId-000000000007", "4957000180")
    assert expected_item(sent) == {
        "event": "page view",
        "amount": Decimal("0.10"),
        "nested": {"none": None},
        "sequenceNumber": "4957000180",
        "shardId": "shardId-000000000007",
        "seqNumbershardIdHash": "18_shardId-000000000007",
    }


def test_every_kind_of_difference_is_told() -> None:
    sent = [Sent(Record("key", b'{"n": 1}'), "shard", f"{number}00") for number in range(4)]
    expected = expected_items(sent)
    found = dict(expected)
    missing, differing, *_ = expected
    del found[missing]
    found[differing] = {**found[differing], "n": "1"}
    found["x", "y"] = {}
    unequal = difference(expected, found)
    assert (unequal.missing, unequal.extra, unequal.differing) == ([missing], [("x", "y")], [differing])
    assert bool(unequal)
    assert str(unequal) == f"1 missing: {'/'.join(missing)}; 1 extra: x/y; 1 differing: {'/'.join(differing)}"
    assert not difference(expected, expected)
    assert str(difference(expected, expected)) == "equal"


def test_numbers_are_compared_exactly() -> None:
    line = '{"seqNumbershardIdHash": "a", "sequenceNumber": "b", "n": 12345678901234567890.123456789}'
    assert parse(line)["n"] == Decimal("12345678901234567890.123456789")
    assert duplicates([parse(line), parse(line)]) == 1
    assert list(by_key([parse(line), parse(line)])) == [("a", "b")]
