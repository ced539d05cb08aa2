"""A distributed backfill of a lake divides its pace, names files that are not done, and goes on with what is left."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from components.data_lake.settings import ConsumerSettings, LakeSettings, ProducerSettings
from operations.data_lake import backfilling, distributed
from operations.data_lake.deployed import Bulk, Store, Way, bulk_of, require_rows_taken
from operations.data_lake.snapshots import Pace
from operations.errors import OperationError, StackError
from operations.instruments.distributing import Watch
from operations.instruments.exporting import DataFile, Export

pytestmark = pytest.mark.pure

EXPORT = Export("arn:table/export/01-a", "work", "exports/AWSDynamoDB/01-a/manifest-summary.json", 6, 600)
FILES = [DataFile(f"exports/AWSDynamoDB/01-a/data/{name}.json.gz", 2) for name in "abc"]
BULK = Bulk("arn:aws:states:eu-west-1:111111111111:stateMachine:people-export", 2)
OPTION, KIND = "--engine distributed", "data-lake/consumer"


@dataclass
class FakeS3:
    """Objects in memory."""

    objects: dict[str, bytes] = field(default_factory=dict)
    exceptions = type("exceptions", (), {"NoSuchKey": KeyError})

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803  # botocore's
        body = self.objects[Key]
        return {"Body": SimpleNamespace(read=lambda: body)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[Key] = Body

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        del self.objects[Key]

    def note(self, name: str, **place: Any) -> None:
        """What the function keeps of a file."""
        kept = {"line": 2, "done": True, "written": 2, "refused": [], **place}
        self.objects[f"backfill/01-a/{name}.json"] = json.dumps(kept).encode()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both sides; `given` has the inputs of executions, of which each does the files `does` and gives up the others."""
    found = SimpleNamespace(s3=FakeS3(), given=[], does="abc", asked=0, began_at=time.time())
    table = SimpleNamespace(name="people", keys=["id"], dynamodb=SimpleNamespace(region="eu-west-1"))
    at = SimpleNamespace(stack=SimpleNamespace(name="lake"), client=lambda _: None)
    bucket = SimpleNamespace(name="work")
    found.way = SimpleNamespace(table=table, stream_arn="stream", at=at, s3=found.s3, export_bucket=bucket)

    def asked(*_: Any) -> str:
        found.asked += 1
        return EXPORT.arn

    def carried_out(_client: Any, s3: FakeS3, machine: str, _export: Any, given: Any, *rest: Any) -> Any:
        progress, save, *_ = rest
        assert machine == BULK.machine_arn
        found.given.append(given)
        progress.runs += 1
        save()
        for name in found.does:
            s3.note(name)
        return {file.key: "line 3 is damaged" for file in FILES if file.key[-9] not in found.does}

    monkeypatch.setattr(backfilling, "moment", lambda *_: found.began_at)
    monkeypatch.setattr(backfilling.exporting, "request", asked)
    monkeypatch.setattr(backfilling.exporting, "finished", lambda *_: EXPORT)
    monkeypatch.setattr(backfilling.exporting, "data_files", lambda *_: FILES)
    monkeypatch.setattr(distributed.distributing, "carry_out", carried_out)
    monkeypatch.setattr(distributed, "pace_of", lambda *_: Pace(1_000.0, 10.0))
    return found


def brought(world: Any) -> distributed.Taken:
    return distributed.brought(world.way, BULK, Watch())


def test_all_files_together_keep_to_the_streams_pace(world: Any) -> None:
    taken = brought(world)
    assert (taken.items, taken.time_s, taken.refused) == (6, world.began_at, [])
    [given] = world.given
    assert (given["concurrency"], given["folder"]) == (2, "backfill/01-a")
    snapshot = {"table": "people", "keys": ["id"], "region": "eu-west-1", "time_s": world.began_at}
    assert given["work"] == {"snapshot": snapshot, "pace": {"bytes_per_s": 500.0, "records_per_s": 5.0}}
    assert backfilling.PLACE not in world.s3.objects


def test_files_that_are_not_done_are_named_and_the_same_command_goes_on_with_them(world: Any) -> None:
    world.does = "ac"
    with pytest.raises(OperationError) as raised:
        brought(world)
    told, line = str(raised.value).splitlines()
    assert told.startswith("1 of 3 files are not done")
    assert line == f"{FILES[1].key}: line 3 is damaged"
    world.does = "b"
    assert brought(world).items == 6
    assert world.asked == 1
    first, second = world.given
    assert first["work"]["snapshot"] == second["work"]["snapshot"]
    # One file is left, which has all of the pace.
    assert (second["concurrency"], second["work"]["pace"]["records_per_s"]) == (1, 10.0)


def test_what_the_stream_does_not_take_is_told(world: Any) -> None:
    world.s3.note("b", written=1, refused=[[1, {"id": {"S": "large"}}, "makes a record of 2000000 bytes"]])
    world.does = "ac"
    taken = brought(world)
    assert taken.items == 5
    assert [(one.key, one.reason) for one in taken.refused] == [
        ({"id": {"S": "large"}}, "makes a record of 2000000 bytes")
    ]


def test_an_export_that_failed_is_asked_for_again(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(*_: Any) -> Export:
        raise OperationError("the export failed")

    with monkeypatch.context() as broken:
        broken.setattr(backfilling.exporting, "finished", failed)
        with pytest.raises(OperationError, match="the export failed"):
            brought(world)
    brought(world)
    assert world.asked == 2


def stack(name: str, settings: Any, **outputs: Any) -> Any:
    return SimpleNamespace(name="lake", stack=SimpleNamespace(name=name), settings=settings, outputs=outputs)


def test_what_is_not_deployed_is_refused_with_what_to_type() -> None:
    settings = LakeSettings.model_validate({"kind": "data-lake"})
    deployed = {"backfillMachineArn": BULK.machine_arn, "maximumConcurrency": 2}
    assert bulk_of(Way(stack("prod", settings, bulk=deployed)), OPTION) == BULK
    with pytest.raises(StackError, match=r"Set `bulk: \{\}` in Pulumi\.prod\.yaml, type `tributary up prod`"):
        bulk_of(Way(stack("prod", settings)), OPTION)


@pytest.mark.parametrize("granted", [None, "another-role"])
def test_rows_that_the_other_account_does_not_take_are_refused_with_what_to_type(granted: str | None) -> None:
    said = {"kind": "data-lake/producer", "lake": {"stack": "far"}, "bulk": {}}
    way = Way(stack("near", ProducerSettings.model_validate(said)))

    def far(role: str | None) -> Store:
        producer = {"accountId": "1" * 12, "exportRoleName": role}
        return Store(stack("far", ConsumerSettings.model_validate({"kind": KIND, "producer": producer})))

    role = "blog-srca-ddb-table-export-role"
    require_rows_taken(way, far(role))
    with pytest.raises(StackError, match=rf"Set `producer\.exportRoleName: {role}` there, type `tributary up far`"):
        require_rows_taken(way, far(granted))
