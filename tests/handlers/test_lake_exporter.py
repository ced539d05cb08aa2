"""The exporter takes an export file by file, into the stream or as rows of the lake, and goes on where it stopped."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from fake_aws import FakeContext, Item

from handlers.lake_exporter import flattening

pytestmark = pytest.mark.pure

FILE, PLACE = "exports/AWSDynamoDB/01-a/data/one.json.gz", "backfill/01-a/one.json"
ROWS = "verify/01-a/one/"
FOLDER = {"bucket": "the lake's", "prefix": "verify/01-a/"}
STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/changes"
SNAPSHOT = {"table": "people", "keys": ["id"], "region": "eu-west-1", "time_s": 1_795_374_590.5}
HASHES = {"HASH_ATTRIBUTES": '["contact.email"]', "HASH_SALT": "salt"}
Load = Callable[..., ModuleType]


class Absent(Exception):  # noqa: N818 - as botocore names it
    """There is no such object."""


@dataclass
class Store:
    """Objects of a bucket."""

    objects: dict[str, bytes] = field(default_factory=dict)
    exceptions = type("exceptions", (), {"NoSuchKey": Absent})

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        if Key not in self.objects:
            raise Absent(Key)
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        assert Bucket == (FOLDER["bucket"] if Key.startswith(FOLDER["prefix"]) else "work")
        self.objects[Key] = Body

    @property
    def place(self) -> dict[str, Any]:
        return dict(json.loads(self.objects[PLACE]))

    def lines(self) -> list[str]:
        stored = [body for key, body in sorted(self.objects.items()) if key.startswith(ROWS)]
        return [line for body in stored for line in gzip.decompress(body).decode().splitlines(keepends=True)]


@dataclass
class Stream:
    """Keeps the records that it takes: of the first `partly` calls every second one, and none after `closes_after`."""

    partly: int = 0
    closes_after: int | None = None
    calls: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)

    def put_records(self, StreamARN: str, Records: list[dict[str, Any]]) -> Any:  # noqa: N803
        assert StreamARN == STREAM
        if self.closes_after is not None and self.calls >= self.closes_after:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "denied"}}, "PutRecords")
        self.calls += 1
        half = self.partly >= self.calls
        failed = [half and number % 2 == 1 for number in range(len(Records))]
        self.records += [json.loads(one["Data"]) for one, left in zip(Records, failed, strict=True) if not left]
        code = {"ErrorCode": "ProvisionedThroughputExceededException"}
        return {"FailedRecordCount": sum(failed), "Records": [code if left else {} for left in failed]}

    def ids(self) -> list[str]:
        return sorted(record["dynamodb"]["Keys"]["id"]["S"] for record in self.records)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def main(load: Load, store: Store, stream: Stream, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("lake_exporter", STREAM_ARN=STREAM, **HASHES)
    monkeypatch.setattr(module, "_s3", lambda: store)
    monkeypatch.setattr(module, "_kinesis", lambda: stream)
    monkeypatch.setattr("handlers.shared.time_budget.BASE_DELAY_S", 0.0)
    return module


def row(number: int, **more: Any) -> Item:
    contact = {"M": {"email": {"S": f"{number}@example.com"}, "city": {"S": "Elm"}}}
    return {"id": {"S": f"r{number:04}"}, "contact": contact, **more}


def exported(rows: list[Item]) -> bytes:
    return gzip.compress("".join(f"{json.dumps({'Item': one})}\n" for one in rows).encode())


def invoke(main: ModuleType, pace: dict[str, float | None] | None, left_s: float = 900) -> dict[str, Any]:
    """Put records at a pace, or make rows when there is none."""
    work = {"snapshot": SNAPSHOT, **({"rows": FOLDER} if pace is None else {"pace": pace})}
    event = {"bucket": "work", "file": FILE, "folder": "backfill/01-a", "work": work}
    return dict(main.handler(event, FakeContext(left_s)))


FAST: dict[str, float | None] = {"bytes_per_s": None, "records_per_s": None}


def test_every_item_is_put_as_a_snapshot_and_again_what_the_stream_did_not_take(
    main: ModuleType, store: Store, stream: Stream
) -> None:
    stream.partly = 2
    store.objects[FILE] = exported([row(number) for number in range(1_200)])
    assert invoke(main, FAST) == {"done": True, "written": 1_200, "kept": 0, "refused": 0}
    assert stream.ids() == [f"r{number:04}" for number in range(1_200)]
    [first] = [one for one in stream.records if one["dynamodb"]["Keys"] == {"id": {"S": "r0000"}}]
    assert (first["eventName"], first["eventSource"]) == ("SNAPSHOT", "tributary:snapshot")
    assert first["dynamodb"]["NewImage"] == row(0)
    assert first["dynamodb"]["ApproximateCreationDateTime"] == 1_795_374_590_500_000
    # Nothing is put twice by an invocation that Step Functions repeats.
    assert invoke(main, FAST)["done"]
    assert len(stream.records) == 1_200


def test_a_file_goes_on_behind_what_was_put_and_the_same_record_has_the_same_id(
    main: ModuleType, store: Store, stream: Stream
) -> None:
    store.objects[FILE] = exported([row(number) for number in range(1_200)])
    stream.closes_after = 1
    assert invoke(main, FAST) == {"done": False, "written": 500, "kept": 0, "refused": 0}
    assert store.place["line"] == 500
    stream.closes_after = None
    assert invoke(main, FAST)["done"]
    assert stream.ids() == [f"r{number:04}" for number in range(1_200)]

    del store.objects[PLACE]
    invoke(main, FAST)
    assert len(stream.records) == 2_400
    assert len({record["eventID"] for record in stream.records}) == 1_200


def test_a_stream_that_takes_nothing_fails_the_file_and_says_why(
    main: ModuleType, store: Store, stream: Stream
) -> None:
    store.objects[FILE] = exported([row(1)])
    stream.closes_after = 0
    with pytest.raises(Exception, match=r"one\.json\.gz: no row could be written from line 1 on: .*AccessDenied"):
        invoke(main, FAST)


def test_an_item_that_is_too_large_for_the_stream_is_named_and_stops_no_other(
    main: ModuleType, store: Store, stream: Stream
) -> None:
    large = row(1, text={"S": "\x01" * 200_000})
    store.objects[FILE] = exported([row(0), large, row(2)])
    assert invoke(main, FAST) == {"done": True, "written": 2, "kept": 0, "refused": 1}
    [(position, key, reason)] = store.place["refused"]
    assert (position, key) == (1, {"id": {"S": "r0001"}})
    assert "Kinesis takes 1 MiB" in reason
    assert stream.ids() == ["r0000", "r0002"]


def test_a_file_keeps_to_its_pace(
    main: ModuleType, store: Store, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    store.objects[FILE] = exported([row(number) for number in range(100)])
    invoke(main, {"bytes_per_s": None, "records_per_s": 50.0})
    assert waits == [pytest.approx(2.0, abs=0.1)]


def test_rows_are_those_that_the_transformer_makes_of_the_same_records(
    main: ModuleType, store: Store, stream: Stream, load: Load
) -> None:
    rows = [row(number, share={"N": "0.10"}, tags={"SS": ["b", "a"]}) for number in range(5)]
    store.objects[FILE] = exported(rows)
    assert invoke(main, None)["done"]
    assert stream.records == []
    invoke(main, FAST)
    del store.objects[PLACE]
    invoke(main, FAST)
    data = [{"recordId": "1", "data": base64.b64encode(json.dumps(one).encode()).decode()} for one in stream.records]
    answers = load("lake_transformer", **HASHES).handler({"records": data}, FakeContext())["records"]
    assert store.lines() == [base64.b64decode(one["data"]).decode() for one in answers]
    assert "@example.com" not in "".join(store.lines())


def test_objects_are_cut_by_size_and_are_the_same_when_a_file_is_made_again(
    main: ModuleType, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flattening, "OBJECT_BYTES", 1)
    monkeypatch.setattr(flattening, "CHUNK_ROWS", 4)
    store.objects[FILE] = exported([row(number) for number in range(9)])
    invoke(main, None)
    first = {key: body for key, body in store.objects.items() if key.startswith(ROWS)}
    assert len(first) > 1
    assert len(store.lines()) == 9
    del store.objects[PLACE]
    invoke(main, None)
    assert {key: body for key, body in store.objects.items() if key.startswith(ROWS)} == first


def test_an_invocation_ends_between_two_objects_and_another_goes_on(
    main: ModuleType, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flattening, "OBJECT_BYTES", 1)
    store.objects[FILE] = exported([row(number, text={"S": str(number) * 9_999}) for number in range(200)])
    whole = invoke(main, None)
    assert whole == {"done": True, "written": 200, "kept": 0, "refused": 0}
    at_once = store.lines()
    store.objects = {FILE: store.objects[FILE]}
    left_s = iter([900.0] * 3 + [0.0] * 1_000)
    with monkeypatch.context() as short:
        short.setattr("handlers.shared.time_budget.TimeBudget.left_s", lambda _: next(left_s))
        stopped = invoke(main, None)
    assert not stopped["done"]
    assert 0 < stopped["written"] < 200
    assert invoke(main, None)["done"]
    assert store.lines() == at_once


def test_an_object_is_not_begun_without_the_time_for_it(main: ModuleType, store: Store) -> None:
    store.objects[FILE] = exported([row(1)])
    with pytest.raises(Exception, match="from line 1 on: the invocation's time ran out"):
        invoke(main, None, left_s=60)
    assert store.lines() == []
