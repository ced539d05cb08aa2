"""Sources are hooked with the stack's settings, and what the stack has made stays the stack's."""

from __future__ import annotations

from typing import Any

import pytest
from fake_platform import STREAM, TABLE_STREAM, FakeAws, platform_of

from operations.errors import OperationError
from operations.fan_out import hooks
from operations.fan_out.platform import Platform, Source

pytestmark = pytest.mark.pure

OF_STACK, LATE = Source("inputStream", STREAM, STREAM), Source("logfile", TABLE_STREAM, TABLE_STREAM)


class Functions(FakeAws):
    """A function with the stack's mapping of one source."""

    def __init__(self) -> None:
        super().__init__()
        self.mappings = [{"UUID": "by-stack", "EventSourceArn": STREAM, "State": "Enabled"}]

    def _list_event_source_mappings(self, FunctionName: str) -> Any:  # noqa: N803
        assert FunctionName == "fanout"
        return [{"EventSourceMappings": [one]} for one in self.mappings]

    def create_event_source_mapping(self, **settings: Any) -> Any:
        self.mappings.append({"UUID": "made", "State": "Creating", **settings})
        return self.mappings[-1]

    def delete_event_source_mapping(self, UUID: str) -> None:  # noqa: N803
        self.mappings = [one for one in self.mappings if one["UUID"] != UUID]


@pytest.fixture
def aws() -> Functions:
    return Functions()


@pytest.fixture
def platform(aws: Functions) -> Platform:
    return platform_of(aws)


def test_a_source_is_hooked_with_the_settings_of_the_stack(aws: Functions, platform: Platform) -> None:
    assert hooks.hook(platform, LATE, None, "TRIM_HORIZON") == (
        "logfile is hooked to `fanout` (mapping made), from TRIM_HORIZON on."
    )
    assert aws.mappings[1] == {
        "UUID": "made",
        "State": "Creating",
        "EventSourceArn": TABLE_STREAM,
        "FunctionName": "fanout",
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 500,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": 43_200,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
        "MetricsConfig": {"Metrics": ["EventCount"]},
    }


def test_a_source_is_hooked_once(aws: Functions, platform: Platform) -> None:
    told = hooks.hook(platform, OF_STACK, 10, "LATEST")
    assert told == "inputStream is hooked to `fanout` already (mapping by-stack, Enabled)."
    assert len(aws.mappings) == 1


def test_what_was_hooked_at_run_time_is_unhooked_and_what_the_stack_made_is_not(
    aws: Functions, platform: Platform
) -> None:
    hooks.hook(platform, LATE, 10, "LATEST")
    assert [(one.id, one.by_stack) for one in hooks.hooks(platform)] == [("by-stack", True), ("made", False)]
    assert "is no longer hooked" in hooks.unhook(platform, LATE)
    assert "is not hooked" in hooks.unhook(platform, LATE)
    with pytest.raises(OperationError, match=r"Put `hook: false` to `sources\.inputStream` in Pulumi\.platform\.yaml"):
        hooks.unhook(platform, OF_STACK)
    assert [one["UUID"] for one in aws.mappings] == ["by-stack"]


def test_what_is_not_hooked_cannot_be_held(platform: Platform) -> None:
    with pytest.raises(
        OperationError, match=r"^--source logfile is not hooked to `fanout`\. Type `tributary fanout hook"
    ):
        hooks.switch(platform, LATE, on=False)
