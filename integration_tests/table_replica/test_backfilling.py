"""Backfills from an export, by this machine and by a state machine, give what a scan gives: the source, row by row.

The source changes while they run; they are killed, a function crashes, a file is spoilt, a row is refused.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from handlers.shared.export_places import Tally
from integration_tests.support.typing_commands import typed_in
from integration_tests.table_replica.deployed import Deployed, request_item
from localcloud.faults import Faults
from operations.errors import OperationError
from operations.instruments import holding
from operations.instruments.distributing import Watch
from operations.instruments.rates import RateLimit
from operations.table_replica import backfilling, backfilling_exports, checkpoints, copying_files
from operations.table_replica.copying_files import Copy
from operations.table_replica.deployed import Bulk

pytestmark = pytest.mark.local

ROWS = 400
Note = Callable[[str], None]


class KilledError(Exception):
    """The process ends here."""


def bulk_of(workshop: Deployed) -> Bulk:
    assert workshop.replica.bulk is not None
    return workshop.replica.bulk


def from_scan(workshop: Deployed, on_note: Note) -> Tally:
    def on_rows(written: int, kept: int) -> None:
        on_note("rows")

    return backfilling.backfill(workshop.replica, RateLimit(None), RateLimit(None), on_rows)


def locally(workshop: Deployed, on_note: Note) -> Tally:
    watch = Watch(on_note)
    copy = copying_files.locally(workshop.replica, RateLimit(None), watch)
    return backfilling_exports.backfill(workshop.replica, bulk_of(workshop), copy, watch)


def distributed(workshop: Deployed, on_note: Note) -> Tally:
    watch, bulk = Watch(on_note), bulk_of(workshop)
    copy = copying_files.distributed(workshop.replica, bulk, None, watch)
    return backfilling_exports.backfill(workshop.replica, bulk, copy, watch)


@pytest.fixture(scope="module")
def filled(workshop: Deployed) -> Deployed:
    """The workshop with rows in the source, which an export can read."""
    workshop.clients.dynamodb.update_continuous_backups(
        TableName=workshop.replica.source.name,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    workshop.load(ROWS, seed=31)
    assert workshop.verify().equal
    return workshop


def equal_and_over(workshop: Deployed) -> bool:
    """Whether both tables hold the same, and nothing of the backfill is left."""
    assert holding.state(workshop.replica.lambda_, workshop.replica.mapping_id) == "Enabled"
    assert checkpoints.load(workshop.replica.s3, workshop.replica.failure_bucket) is None
    return workshop.verify().equal and workshop.equal()


@pytest.mark.parametrize("way", [from_scan, locally, distributed])
def test_every_way_gives_the_source_with_what_changed_meanwhile(
    filled: Deployed, way: Callable[[Deployed, Note], Tally]
) -> None:
    filled.empty()
    rows = len(filled.items(filled.replica.source))
    turns = 0

    def change(_note: str) -> None:
        nonlocal turns
        turns += 1
        filled.put(request_item(91_000 + turns, v={"S": "inserted meanwhile"}))
        filled.put(request_item(10 + turns, v={"S": "changed meanwhile"}))
        filled.delete(f"request#{100 + turns}")

    done = way(filled, change)
    assert turns > 0
    assert done.written + done.kept >= rows - turns
    assert done.written > ROWS / 2
    assert done.refused == []
    assert equal_and_over(filled)


def test_an_execution_goes_on_without_its_watcher_and_is_found_again(filled: Deployed) -> None:
    filled.empty()

    def killed(note: str) -> None:
        if note.startswith("Execution"):
            raise KilledError

    with pytest.raises(KilledError):
        distributed(filled, killed)
    left = checkpoints.load(filled.replica.s3, filled.replica.failure_bucket)
    assert left is not None
    assert left.export is not None
    # Nobody applies the stream to rows that are still to come.
    assert holding.state(filled.replica.lambda_, filled.replica.mapping_id) == "Disabled"
    filled.delete("request#200")

    notes: list[str] = []
    done = distributed(filled, notes.append)
    assert notes[0] == f"Export {left.export.export_arn}"
    assert {note for note in notes if note.startswith("Execution")} <= {f"Execution {left.export.execution_arn}"}
    assert done.kept == 0
    assert equal_and_over(filled)


def test_an_export_is_not_used_any_more_when_the_replication_went_on_meanwhile(filled: Deployed) -> None:
    filled.empty()

    def killed(note: str) -> None:
        if note.startswith("Export"):
            raise KilledError

    with pytest.raises(KilledError):
        locally(filled, killed)
    filled.delete("request#300")
    holding.resume(filled.replica.lambda_, filled.replica.mapping_id)

    notes: list[str] = []
    locally(filled, notes.append)
    assert notes[0].startswith("The replication was resumed meanwhile")
    assert equal_and_over(filled)


def test_a_crashed_function_goes_on_and_a_spoilt_file_stops_no_other(filled: Deployed, faults: Faults) -> None:
    filled.empty()
    bulk, watch = bulk_of(filled), Watch()
    inner = copying_files.distributed(filled.replica, bulk, None, watch)
    spoilt: dict[str, bytes] = {}
    s3 = filled.clients.s3

    def spoil(export: Any, files: Any, *rest: Any) -> Mapping[str, str]:
        assert len(files) > 1
        key = files[0].key
        spoilt[key] = s3.get_object(Bucket=export.bucket, Key=key)["Body"].read()
        s3.put_object(Bucket=export.bucket, Key=key, Body=spoilt[key][:2_000])
        return inner(export, files, *rest)

    copy: Copy = spoil
    crash = {"resource": bulk.outputs["backfillerName"], "count": 1, "applied": True}
    with faults.crash(**crash) as crashed:
        with pytest.raises(OperationError) as raised:
            backfilling_exports.backfill(filled.replica, bulk, copy, watch)
        assert crashed.hits() == 1
    [(key, body)] = spoilt.items()
    told, line, *_ = str(raised.value).splitlines()
    assert told.startswith("1 of ")
    assert line.startswith(f"{key}: {key}: line ")
    assert "is not a line of an export" in line
    written = len(filled.items(filled.replica.replica))
    assert 0 < written < len(filled.items(filled.replica.source))

    s3.put_object(Bucket=bulk.bucket.name, Key=key, Body=body)
    again = backfilling_exports.backfill(filled.replica, bulk, inner, watch)
    assert again.written + again.kept == len(filled.items(filled.replica.source))
    assert equal_and_over(filled)


def test_a_row_that_the_replica_refuses_is_named_and_stops_no_other(
    filled: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tributary = typed_in(filled.engine, monkeypatch, capsys)
    poison = request_item(95_000, kind={"N": "5"})
    filled.put(poison)
    assert filled.verify().equal
    filled.empty()
    name = filled.replica.replica.name
    index = {
        "IndexName": "by_kind",
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    filled.far.dynamodb.update_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "kind", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": index}],
    )
    try:
        code, out, error = tributary("backfill", "workshop", "--engine", "distributed", "--yes")
    finally:
        filled.far.dynamodb.update_table(
            TableName=name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_kind"}}]
        )
    assert code == 1
    assert "state transitions" in out
    assert f"{json.dumps({'PK': poison['PK']})}: " in error
    assert "Type mismatch for Index Key kind" in error
    assert "1 rows are refused" in error
    assert [json.loads(key) for key in filled.verify(settle_s=1).missing] == [[poison["PK"]]]

    again = locally(filled, lambda note: None)
    assert (again.written, again.refused) == (1, [])
    assert equal_and_over(filled)
