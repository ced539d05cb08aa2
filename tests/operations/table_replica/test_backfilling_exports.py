"""A backfill from an export joined to the stream: whatever is written meanwhile, and wherever it is killed."""

from __future__ import annotations

import time
from typing import Any

import pytest
from fake_exports import ExportWorld
from fake_world import CHANGES, Change, KilledError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operations.errors import OperationError
from operations.table_replica import checkpoints, holding

pytestmark = pytest.mark.pure


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.table_replica.holding.POLL_S", 0.0)
    monkeypatch.setattr("operations.table_replica.copying_files.THREADS", 1)
    monkeypatch.setattr("handlers.table_backfiller.files.CHUNK_ROWS", 2)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
