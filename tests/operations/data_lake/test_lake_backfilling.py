"""A backfill from an export that was killed goes on behind the last file that was put."""

from __future__ import annotations

import gzip
import io
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from operations.data_lake import backfilling
from operations.instruments.exporting import DataFile, Export

pytestmark = pytest.mark.pure

EXPORT = Export("arn:export", "work", "exports/manifest", 6, 600)
FILES = {f"data/{name}.json.gz": [f"{name}{number}" for number in range(2)] for name in "abc"}


class FakeS3:
    """Objects in memory."""

    exceptions = type("exceptions", (), {"NoSuchKey": KeyError})

    def __init__(self) -> None:
        self.objects = {
            key: gzip.compress("".join(json.dumps({"Item": {"id": {"S": one}}}) + "\n" for one in ids).encode())
            for key, ids in FILES.items()
        }

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803  # botocore's
        assert Bucket == "work"
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[Key] = Body

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        del self.objects[Key]


class FakeWriter:
    """Keeps the ids that it is given; raises at the fifth of its life."""

    def __init__(self, put: list[str], dies: bool) -> None:
        self.records, self._put, self._dies = 0, put, dies

    def put(self, records: Any, on_records: Any) -> None:
        for _, data in records:
            if self._dies and len(self._put) == 4:
                raise KeyboardInterrupt
            self._put.append(json.loads(data)["dynamodb"]["Keys"]["id"]["S"])
            self.records += 1


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both sides; `put` has what is in the stream, `asked` the tokens of exports, `dies` kills the command."""
    found = SimpleNamespace(put=[], asked=[], dies=True, s3=FakeS3(), moments=iter([time.time(), time.time() + 1]))
    table = SimpleNamespace(name="people", keys=["id"], dynamodb=SimpleNamespace(region="eu-west-1"))
    at = SimpleNamespace(stack=SimpleNamespace(name="lake"), client=lambda _: None)
    bucket = SimpleNamespace(name="work")
    found.way = SimpleNamespace(table=table, stream_arn="stream", at=at, s3=found.s3, export_bucket=bucket)
    monkeypatch.setattr(backfilling, "moment", lambda *_: next(found.moments))
    monkeypatch.setattr(backfilling, "stream_writer", lambda *_: FakeWriter(found.put, found.dies))
    monkeypatch.setattr(
        backfilling.exporting, "request", lambda _table, _bucket, token: found.asked.append(token) or "arn"
    )
    monkeypatch.setattr(backfilling.exporting, "finished", lambda *_: EXPORT)
    monkeypatch.setattr(backfilling.exporting, "data_files", lambda *_: [DataFile(key, 2) for key in FILES])
    return found


def test_a_killed_backfill_goes_on_with_the_same_export_and_moment(world: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        backfilling.exported(world.way, lambda _: None)
    first = json.loads(world.s3.objects[backfilling.PLACE])
    world.dies = False
    brought = backfilling.exported(world.way, lambda _: None)

    assert world.put == [one for ids in FILES.values() for one in ids]
    assert len(world.asked) == 1
    assert (brought.items, brought.time_s) == (6, first["time_s"])
    assert backfilling.PLACE not in world.s3.objects


def test_an_old_one_is_begun_anew(world: Any) -> None:
    world.dies = False
    old = backfilling.Began(time.time() - backfilling.LONGEST_S - 1, "arn:old", list(FILES))
    backfilling.Place(world.s3, "work").save(old)
    assert backfilling.exported(world.way, lambda _: None).items == 6
