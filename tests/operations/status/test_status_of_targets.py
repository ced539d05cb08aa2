"""What of a fan-out's targets needs a person, and what to type then."""

import dataclasses

import pytest

from operations.status.fan_out import Target, decide, line
from operations.status.findings import Place

pytestmark = pytest.mark.pure

PLACE = Place("platform", "eu-west-1", lambda service: None)
WELL = Target(
    instance="fan-out",
    source="stream/inputStream",
    id="target1",
    active=True,
    behind_s=None,
    messages=0,
    size_bytes=0,
    kept=0,
    wrong=None,
    drainer="fanout-drainer",
)


def told(**changes: object) -> list[str]:
    return [f"{one.problem} → {one.next}" for one in decide(PLACE, dataclasses.replace(WELL, **changes))]  # type: ignore[arg-type]


def test_a_target_that_is_well_or_just_fell_behind_needs_nobody() -> None:
    assert told() == []
    assert told(behind_s=5.0, messages=3) == []


def test_a_target_that_is_behind_for_long_has_its_reason_in_the_drainers_log() -> None:
    [one] = told(behind_s=600.0, messages=3)
    assert one.startswith("it is behind for 600 s: 3 messages wait → `aws logs tail /aws/lambda/fanout-drainer")


def test_what_waits_for_a_target_that_is_not_active_is_told_at_once() -> None:
    [one] = told(behind_s=1.0, messages=3, active=False)
    assert "3 messages wait for it → `tributary fanout activate --id target1`" in one


def test_what_failed_is_redriven_and_what_is_wrong_described() -> None:
    wrong, kept = told(wrong="type is 'sqss'", kept=2)
    assert wrong == "type is 'sqss', so that it gets nothing → `tributary fanout describe --id target1` shows it"
    assert "`tributary redrive platform --instance fan-out`" in kept


def test_a_line_says_how_much_waits() -> None:
    assert line(WELL) == "target1 of stream/inputStream: direct, kept: 0"
    late = dataclasses.replace(WELL, behind_s=61.2, messages=3, size_bytes=99, active=False)
    assert line(late) == (
        "target1 of stream/inputStream: not active, behind for 61 s, 3 messages (99 bytes) waiting, kept: 0"
    )
