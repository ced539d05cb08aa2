"""A backfill from an export joined to the stream: whatever is written meanwhile, and wherever it is killed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fake_exports import ExportWorld
from fake_world import CHANGES, Change, KilledError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.shared.export_files import copy_file
from handlers.shared.export_places import DataFile
from handlers.shared.time_budget import TimeBudget
from handlers.table_backfiller.rows import ADVICE, chunk_writer
from operations.errors import OperationError
from operations.instruments import holding
from operations.instruments.exporting import Export, data_files
from operations.instruments.rates import RateLimit
from operations.table_replica import checkpoints
from operations.table_replica.backfilling import new_writer

pytestmark = pytest.mark.pure


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.instruments.holding.POLL_S", 0.0)
    monkeypatch.setattr("operations.table_replica.copying_files.THREADS", 1)
    monkeypatch.setattr("handlers.shared.export_files.CHUNK_ROWS", 2)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    before=CHANGES,
    meanwhile=CHANGES,
    applied=st.lists(st.integers(0, 5), max_size=20),
    kill_at=st.integers(-1, 8),
    guarded=st.booleans(),
    resumed=st.booleans(),
)
def test_both_end_equal(
    before: list[Change], meanwhile: list[Change], applied: list[int], kill_at: int, guarded: bool, resumed: bool
) -> None:
    world = ExportWorld(before, meanwhile, applied, guarded)
    world.kill_at = kill_at
    try:
        world.backfill_export()
    except KilledError:
        if resumed:
            # Somebody lets the stream go on before the backfill does.
            holding.resume(world.deployment.lambda_, "a-mapping")
            world.held_at = None
            world.apply(3)
        world.backfill_export()

    assert world.lambda_.get_event_source_mapping("")["State"] in ("Enabling", "Enabled")
    world.held_at = None
    world.apply(len(world.stream))
    assert world.replica.items == world.source.items
    assert checkpoints.KEY not in world.s3.objects


def test_the_hold_outlasts_whoever_watches() -> None:
    world = ExportWorld([(str(number), 1) for number in range(8)], [], [], False)
    world.kill_at = 3
    with pytest.raises(KilledError):
        world.backfill_export()
    assert world.lambda_.state == "Disabled"
    exports = len(world.exports)
    tally = world.backfill_export()
    assert (tally.written + tally.kept, len(world.exports)) == (8, exports)
    assert holding.state(world.deployment.lambda_, "a-mapping") in ("Enabling", "Enabled")


def test_it_is_given_up_before_the_stream_loses_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ExportWorld([(str(number), 1) for number in range(8)], [], [], False)
    world.kill_at = 2
    with pytest.raises(KilledError):
        world.backfill_export()
    checkpoint = checkpoints.load(world.deployment.s3, "failures")
    assert checkpoint is not None
    assert checkpoint.export is not None
    checkpoint.export.execution_arn = "running"
    world.machine.executions["running"] = "RUNNING"
    checkpoints.save(world.deployment.s3, "failures", checkpoint)

    waits: list[float] = []
    monkeypatch.setattr("operations.table_replica.backfilling_exports.time.sleep", waits.append)
    now = time.time()
    monkeypatch.setattr("operations.table_replica.backfilling_exports.time.time", lambda: now + 23 * 3600)
    with pytest.raises(OperationError, match="given up after 22 hours"):
        world.backfill_export()
    # The functions of the execution are over before the stream goes on.
    assert world.machine.stopped == ["running"]
    assert waits == [900.0] or sum(wait for wait in waits if wait > 1) == 900.0
    assert holding.state(world.deployment.lambda_, "a-mapping") in ("Enabling", "Enabled")
    assert checkpoints.load(world.deployment.s3, "failures") is None


def test_kinds_of_backfills_do_not_mix() -> None:
    world = ExportWorld([("1", 1)], [], [], False)
    checkpoints.save(world.deployment.s3, "failures", checkpoints.Checkpoint(True, scan=checkpoints.ScanProgress(2)))
    with pytest.raises(OperationError, match="`--from scan`"):
        world.backfill_export()
    world = ExportWorld([("1", 1)], [], [], False)
    world.kill_at = 1
    with pytest.raises(KilledError):
        world.backfill_export()
    with pytest.raises(OperationError, match="`--from export`"):
        world.backfill(1)


def test_an_export_that_failed_is_asked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ExportWorld([("1", 1)], [], [], True)
    make = world._export

    def failing(**asked: Any) -> Any:
        answer = make(**asked)
        world.exports[answer["ExportDescription"]["ExportArn"]] = {"ExportStatus": "FAILED", "FailureMessage": "full"}
        return answer

    world.source.export_table_to_point_in_time = failing  # type: ignore[attr-defined]
    with pytest.raises(OperationError, match="full"):
        world.backfill_export()
    assert world.progress.export_arn is None
    world.source.export_table_to_point_in_time = make  # type: ignore[attr-defined]
    assert world.backfill_export().written == 1


def test_an_export_whose_files_are_gone_is_asked_for_anew() -> None:
    world = ExportWorld([(str(number), 1) for number in range(8)], [], [], True)
    world.kill_at = 2
    with pytest.raises(KilledError):
        world.backfill_export()
    world.s3.objects = {key: body for key, body in world.s3.objects.items() if key == checkpoints.KEY}
    with pytest.raises(OperationError, match="keepExportsDays"):
        world.backfill_export()
    tally = world.backfill_export()
    assert tally.written + tally.kept == 8
    assert world.replica.items == world.source.items


def _written(world: ExportWorld, files: int) -> None:
    """Write so many of the export's files, as the functions of an execution do."""
    [(arn, export)] = world.exports.items()
    described = Export(arn, "exports", export["ExportManifest"], items=0, size_bytes=0)
    for file in data_files(world.deployment.s3, described)[:files]:
        key = DataFile("exports", file.key, f"backfill/{described.id}")
        with ThreadPoolExecutor(1) as executor:
            writer = new_writer(world.deployment, RateLimit(None))
            copy_file(world.s3, key, chunk_writer(writer, TimeBudget(lambda: 60_000), executor, 1), ADVICE)


def test_an_execution_that_was_stopped_is_followed_by_another_for_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = ExportWorld([(str(number), 1) for number in range(8)], [], [], False)
    waits: list[float] = []
    monkeypatch.setattr("operations.table_replica.backfilling_exports.time.sleep", waits.append)

    def stopped() -> str:
        _written(world, 1)
        return "ABORTED"

    world.machine.outcome = stopped
    with pytest.raises(OperationError, match=r"ended as ABORTED: no cause was given\. Type the same command again"):
        world.backfill_distributed(10.0)
    assert world.lambda_.state == "Disabled"

    def goes_on() -> str:
        _written(world, 2)
        return "SUCCEEDED"

    world.machine.outcome = goes_on
    tally = world.backfill_distributed(10.0)
    assert (tally.written, tally.kept) == (8, 0)
    (first, given), (second, left) = world.machine.started
    assert (first.rpartition("-")[2], second.rpartition("-")[2]) == ("1", "2")
    # One file is left, and may use all of the bound.
    assert (given["concurrency"], given["writeUnits"]) == (2, 5.0)
    assert (left["concurrency"], left["writeUnits"]) == (1, 10.0)
    # The functions of the one that was stopped are over before the stream goes on.
    assert 890 < sum(waits) <= 900
    assert holding.state(world.deployment.lambda_, "a-mapping") in ("Enabling", "Enabled")
    assert world.replica.items == world.source.items
