"""A backfill joined to the stream: whatever is written while it runs, and wherever it is killed, both end equal."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from fake_world import CHANGES, KEYS, Change, KilledError, World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operations.errors import OperationError
from operations.table_replica import checkpoints

pytestmark = pytest.mark.pure


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.instruments.holding.POLL_S", 0.0)
    monkeypatch.setattr("operations.table_replica.backfilling.THREADS", 1)
    monkeypatch.setattr("operations.table_replica.backfilling.PAGE_ITEMS", 3)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    before=CHANGES,
    meanwhile=CHANGES,
    applied=st.lists(st.integers(0, 5), max_size=20),
    segments=st.integers(1, 4),
    kill_at=st.integers(-1, 6),
    guarded=st.booleans(),
)
def test_both_end_equal(
    before: list[Change],
    meanwhile: list[Change],
    applied: list[int],
    segments: int,
    kill_at: int,
    guarded: bool,
) -> None:
    world = World(before, meanwhile, applied, guarded)
    world.kill_at = kill_at
    try:
        world.backfill(segments)
    except KilledError:
        world.backfill(segments)

    assert world.lambda_.get_event_source_mapping("")["State"] in ("Enabling", "Enabled")
    world.held_at = None
    world.apply(len(world.stream))
    assert world.replica.items == world.source.items
    assert world.s3.objects == {}


def test_a_killed_backfill_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.table_replica.backfilling.SAVE_EVERY_S", -1.0)
    world = World([(key, 1) for key in KEYS], [], [], guarded=False)
    world.kill_at = 3
    with pytest.raises(KilledError):
        world.backfill(segments=1)
    stored = json.loads(world.s3.objects[checkpoints.KEY])
    assert stored["scan"]["tally"]["written"] == 6
    assert stored["resume"] is True

    world.kill_at = -1
    scans = world.source.scans
    world.backfill(segments=1)
    assert world.source.scans - scans == 2
    assert world.replica.items == world.source.items


def test_a_mapping_that_a_killed_process_left_held_is_enabled_at_the_end() -> None:
    world = World([("1", 1)], [], [], guarded=False)
    checkpoints.save(world.s3, "failures", checkpoints.Checkpoint(True, checkpoints.ScanProgress(2)))  # type: ignore[arg-type]
    world.lambda_.state = "Disabled"
    world.backfill(segments=1)
    assert world.lambda_.get_event_source_mapping("")["State"] in ("Enabling", "Enabled")
    assert world.replica.items == world.source.items


def test_what_is_refused_for_long_ends_the_backfill_and_the_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expired credentials, for example: they do not mend themselves."""
    monkeypatch.setattr("operations.table_replica.backfilling.LONGEST_STALL_S", 0.3)
    world = World([(key, 1) for key in KEYS], [], [], guarded=False)

    def refuse(operation: str, body: bytes) -> None:
        error = {"Code": "ExpiredTokenException", "Message": "The security token included in the request is expired"}
        raise ClientError({"Error": error}, operation)

    monkeypatch.setattr(world.replica, "call", refuse)
    with pytest.raises(OperationError, match=r"no row could be written for .* expired.* type the same command again"):
        world.backfill(segments=1)
    assert world.lambda_.get_event_source_mapping("")["State"] in ("Enabling", "Enabled")
    assert list(world.s3.objects) == [checkpoints.KEY]


def test_a_mapping_that_was_paused_stays_paused() -> None:
    world = World([("1", 1)], [], [], guarded=False)
    world.lambda_.state = "Disabled"
    world.backfill(segments=1)
    assert world.lambda_.state == "Disabled"
