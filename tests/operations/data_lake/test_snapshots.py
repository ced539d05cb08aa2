"""What commands put into a lake's stream takes its place among the changes, and is put as the stream allows."""

from __future__ import annotations

import base64
import gzip
import json
from types import SimpleNamespace
from typing import Any

import pytest

from handlers.lake_transformer.changes import ChangeWriter
from handlers.lake_transformer.flattening import Flattener
from handlers.shared.put_records import MAX_RECORD_BYTES
from operations.data_lake import redriving, snapshots
from operations.data_lake.snapshots import Pace, Snapshot, StreamWriter, as_entry, moment, pace_of
from operations.errors import OperationError

pytestmark = pytest.mark.pure

STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/changes"
SNAPSHOT = Snapshot("people", ["id"], "eu-west-1", 1_795_374_590.5)
ADAM = {"id": {"S": "1"}, "name": {"S": "Adam"}}


def row(record: dict[str, Any]) -> dict[str, Any]:
    """The lake's row of a record."""
    read: dict[str, Any] = json.loads(ChangeWriter(Flattener({}), None).line(record, "9" * 56))
    return read


def test_an_item_and_an_absence_become_rows_that_lose_to_a_change_of_their_moment() -> None:
    present, absent = row(SNAPSHOT.of_item(ADAM)), row(SNAPSHOT.of_absence({"id": {"S": "2"}}))
    assert (present["change_event"], present["name"]) == ("SNAPSHOT", "Adam")
    assert (absent["change_event"], absent["id"]) == ("REMOVE", "2")
    change = {**SNAPSHOT.of_item(ADAM), "eventName": "MODIFY", "eventSource": "aws:dynamodb"}
    assert present["change_order"] < row(change)["change_order"]
    assert present["change_time"] == "2026-11-22 19:09:50.500000"


class FakeKinesis:
    """Takes records; the first `refused` calls leave every second record, with an error code."""

    def __init__(self, refused: int = 0, code: str = "ProvisionedThroughputExceededException") -> None:
        self.put: list[bytes] = []
        self.calls: list[int] = []
        self._refused, self._code = refused, code

    def put_records(self, *, StreamARN: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # botocore's
        assert StreamARN == STREAM
        self.calls.append(len(Records))
        left = self._refused > 0
        self._refused -= 1
        replies = [{"ErrorCode": self._code} if left and number % 2 else {} for number in range(len(Records))]
        self.put += [one["Data"] for one, reply in zip(Records, replies, strict=True) if not reply]
        return {"FailedRecordCount": sum(map(bool, replies)), "Records": replies}


def test_what_the_stream_does_not_take_is_put_again() -> None:
    kinesis, told = FakeKinesis(refused=2), []
    writer = StreamWriter(kinesis, STREAM, Pace(1e9, 1e6), sleep=lambda _: None)
    writer.put(((str(number), str(number).encode()) for number in range(1_200)), told.append)
    assert sorted(kinesis.put, key=int) == [str(number).encode() for number in range(1_200)]
    assert told == [500, 500, 200]
    assert writer.records == 1_200


def test_a_refusal_ends_the_command_and_says_why() -> None:
    writer = StreamWriter(
        FakeKinesis(refused=1, code="KMSAccessDeniedException"), STREAM, Pace(1e6, 1e3), sleep=lambda _: None
    )
    with pytest.raises(OperationError, match=r"refused records: KMSAccessDeniedException"):
        writer.put([("1", b"1"), ("2", b"2")])


def test_half_of_what_the_shards_take_is_left_to_the_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(snapshots.time, "monotonic", lambda: 0.0)
    shards = SimpleNamespace(
        describe_stream_summary=lambda StreamARN: {"StreamDescriptionSummary": {"OpenShardCount": 2}}  # noqa: N803
    )
    writer = StreamWriter(FakeKinesis(), STREAM, pace_of(shards, STREAM), sleep=slept.append)
    writer.put((str(number), b"x") for number in range(1_500))
    # Two shards take 2,000 records a second; each call of 500 may take half a second of half of that.
    assert slept == [pytest.approx(0.5), pytest.approx(1.0)]


def test_a_record_that_kinesis_does_not_take_is_named() -> None:
    with pytest.raises(OperationError, match=r'the item \{"id": \{"S": "1"\}\} makes a record of \d+ bytes'):
        as_entry(SNAPSHOT.of_item({**ADAM, "text": {"S": "x" * MAX_RECORD_BYTES}}))


def table(status: str, stream_arn: str = STREAM) -> Any:
    found = {"KinesisDataStreamDestinations": [{"StreamArn": stream_arn, "DestinationStatus": status}]}
    client = SimpleNamespace(describe_kinesis_streaming_destination=lambda TableName: found)  # noqa: N803  # botocore's
    return SimpleNamespace(name="people", dynamodb=SimpleNamespace(client=client))


def test_a_moment_is_one_from_which_the_stream_has_every_change() -> None:
    slept: list[float] = []
    assert moment(table("ACTIVE"), STREAM, "lake", clock=lambda: 7.0, sleep=slept.append) == 7.0
    assert slept == [snapshots.LEEWAY_S]


@pytest.mark.parametrize(("status", "arn"), [("DISABLED", STREAM), ("ENABLING", STREAM), ("ACTIVE", f"{STREAM}-other")])
def test_a_table_that_does_not_stream_has_no_moment(status: str, arn: str) -> None:
    with pytest.raises(OperationError, match=r"`people` does not stream its changes to .*`tributary up lake`"):
        moment(table(status, arn), STREAM, "lake")


def test_failed_records_come_out_of_firehoses_object_as_they_went_in() -> None:
    data = [json.dumps(SNAPSHOT.of_item(ADAM)).encode(), b"\xff no json"]
    lines = [json.dumps({"errorCode": "x", "rawData": base64.b64encode(one).decode()}) for one in data]
    body = "".join(f"{line}\n" for line in lines).encode()
    assert [one for _, one in redriving.records_of(body)] == data
    assert [one for _, one in redriving.records_of(gzip.compress(body))] == data
    keys = [key for key, _ in redriving.records_of(body)]
    assert keys[0] == as_entry(SNAPSHOT.of_item(ADAM))[0]
    with pytest.raises(KeyError):
        list(redriving.records_of(b"{}\n"))
