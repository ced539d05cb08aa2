"""Failed batches are applied in order, brought up to date where nothing else guards them, and archived one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_deployment import STREAM, FakeLambda, FakeS3, deployment
from fake_table import FakeDynamoDB

from operations.errors import OperationError
from operations.table_replica.redriving import Outcome, failed_batches, redrive

pytestmark = pytest.mark.pure


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.instruments.holding.POLL_S", 0.0)


def item(key: str, version: str) -> dict[str, Any]:
    return {"PK": {"S": key}, "v": {"S": version}}


def failed(s3: FakeS3, name: str, *changes: tuple[int, str, str]) -> None:
    """Store a batch as Lambda does; each change is a sequence number, a key and a version."""
    records = [
        {
            "eventName": "MODIFY",
            "dynamodb": {"SequenceNumber": str(number), "Keys": {"PK": {"S": key}}, "NewImage": item(key, version)},
        }
        for number, key, version in changes
    ]
    info = {"shardId": "shard", "startSequenceNumber": str(changes[0][0]), "streamArn": STREAM}
    stored = {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "DDBStreamBatchInfo": info,
        "payload": json.dumps({"Records": records}),
    }
    s3.objects[f"aws/lambda/a-mapping/{name}"] = json.dumps(stored).encode()


class Function(FakeLambda):
    """Notes what it is given; refuses what holds a key of `refused`."""

    def __init__(self, *refused: str) -> None:
        super().__init__(apply=self._apply)
        self.refused = set(refused)
        self.applied: list[tuple[str, str, str | None]] = []
        self.states: list[str] = []

    def _apply(self, records: list[Any]) -> int | None:
        self.states.append(self.state)
        for place, record in enumerate(records):
            key = record["dynamodb"]["Keys"]["PK"]["S"]
            if key in self.refused:
                return place
            image = record["dynamodb"].get("NewImage")
            self.applied.append((key, record["eventName"], image and image["v"]["S"]))
        return None


def redriven(function: Function, s3: FakeS3, source: FakeDynamoDB, positions: str | None = None) -> list[Outcome]:
    replica = deployment(source, FakeDynamoDB(), function, s3, positions)
    return redrive(replica, failed_batches(replica.s3, replica.failure_bucket), lambda outcome: None)


def test_batches_are_applied_in_the_order_of_their_records_and_archived() -> None:
    s3, function = FakeS3(), Function()
    failed(s3, "z", (9, "a", "1"), (10, "b", "1"))
    failed(s3, "a", (100, "a", "2"))

    outcomes = redriven(function, s3, FakeDynamoDB(), positions="positions")

    assert function.applied == [("a", "MODIFY", "1"), ("b", "MODIFY", "1"), ("a", "MODIFY", "2")]
    assert [(one.records, one.reason) for one in outcomes] == [(2, None), (1, None)]
    assert sorted(s3.objects) == ["redriven/a-mapping/a", "redriven/a-mapping/z"]
    assert set(function.states) == {"Enabled"}


def test_without_a_guard_the_stream_is_held_and_items_are_as_the_source_has_them_now() -> None:
    s3, function, source = FakeS3(), Function(), FakeDynamoDB()
    failed(s3, "x", (1, "a", "old"), (2, "gone", "old"), (3, "a", "older than now"))
    source.put(item("a", "now"))

    redriven(function, s3, source)

    assert function.applied == [("a", "MODIFY", "now"), ("gone", "REMOVE", None)]
    assert set(function.states) == {"Disabled"}
    assert function.get_event_source_mapping("")["State"] in ("Enabling", "Enabled")


def test_what_fails_again_stays_with_its_reason_and_later_batches_of_its_items_wait() -> None:
    s3, function = FakeS3(), Function("b")
    failed(s3, "1", (1, "a", "1"), (2, "b", "1"))
    failed(s3, "2", (3, "c", "1"))
    failed(s3, "3", (4, "b", "2"), (5, "d", "1"))
    failed(s3, "4", (6, "d", "2"))

    outcomes = redriven(function, s3, FakeDynamoDB(), positions="positions")

    assert [one.reason for one in outcomes] == [
        "the far end refuses",
        None,
        "it changes items of an earlier batch that failed again; redrive that one first",
        "it changes items of an earlier batch that failed again; redrive that one first",
    ]
    assert sorted(s3.objects) == [
        "aws/lambda/a-mapping/1",
        "aws/lambda/a-mapping/3",
        "aws/lambda/a-mapping/4",
        "redriven/a-mapping/2",
    ]


def test_an_object_that_is_no_failed_batch_is_named() -> None:
    s3 = FakeS3({"aws/lambda/note.txt": b"hello"})
    with pytest.raises(OperationError, match=r"s3://failures/aws/lambda/note\.txt is no failed batch"):
        failed_batches(s3, "failures")  # type: ignore[arg-type]
