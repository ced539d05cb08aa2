"""Hooks sources at run time: an event source mapping with the settings of the stack, which is none of the stack's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.regions import partition_of
from operations.errors import OperationError
from operations.fan_out.platform import Platform, Source
from operations.instruments import holding
from operations.instruments.holding import Notes

POSITIONS = ("TRIM_HORIZON", "LATEST")


@dataclass(frozen=True)
class Hook:
    """An event source mapping of the function; `by_stack`: the stack made it, and it stays the stack's."""

    id: str
    source_arn: str
    state: str
    by_stack: bool


def hooks(platform: Platform, source: Source | None = None) -> list[Hook]:
    """The function's mappings, or only those of a source."""
    pages = (
        platform.client("lambda").get_paginator("list_event_source_mappings").paginate(FunctionName=platform.function)
    )
    own = set(platform.at.outputs["mappingIds"].values())
    return [
        Hook(one["UUID"], one["EventSourceArn"], one["State"], one["UUID"] in own)
        for page in pages
        for one in page["EventSourceMappings"]
        if source is None or one["EventSourceArn"] == source.arn
    ]


def hook(platform: Platform, source: Source, batch_size: int | None, position: str) -> str:
    """Make the mapping of a source, unless there is one. Returns what to tell."""
    for found in hooks(platform, source):
        return f"{source.name} is hooked to `{platform.function}` already (mapping {found.id}, {found.state})."
    made = platform.client("lambda").create_event_source_mapping(**_settings(platform, source, batch_size, position))
    return f"{source.name} is hooked to `{platform.function}` (mapping {made['UUID']}), from {position} on."


def unhook(platform: Platform, source: Source) -> str:
    """Delete the mapping of a source. Returns what to tell. Raises OperationError for one that the stack made."""
    found = hooks(platform, source)
    for one in found:
        if one.by_stack:
            raise OperationError(
                f"--source {source.name}: the stack makes its mapping. Put `hook: false` to `sources.{source.label}` "
                f"in {platform.file} and type `tributary up {platform.at.stack.name}`; or hold it by `tributary fanout "
                f"pause --source {source.name}`."
            )
    client = platform.client("lambda")
    for one in found:
        client.delete_event_source_mapping(UUID=one.id)
    if not found:
        return f"{source.name} is not hooked to `{platform.function}`."
    return f"{source.name} is no longer hooked to `{platform.function}`: its place in the stream is forgotten."


def switch(platform: Platform, source: Source, on: bool) -> Sequence[str]:
    """Hold the mapping of a source, or let it go on. Returns the ids. Raises OperationError when there is none."""
    found = [one.id for one in hooks(platform, source)]
    if not found:
        raise OperationError(
            f"--source {source.name} is not hooked to `{platform.function}`. Type `tributary fanout hook --source "
            f"{source.name}`."
        )
    client = platform.client("lambda")
    (holding.resume if on else holding.pause)(client, *found)
    # Whatever an operation that was killed left, somebody has said now what is to be.
    notes = Notes(platform.client("s3"), platform.bucket)
    for one in found:
        notes.remove(one)
    return found


def _settings(platform: Platform, source: Source, batch_size: int | None, position: str) -> Mapping[str, Any]:
    """As components.function has it for mappings of the stack."""
    settings, region = platform.settings.function, platform.at.stack.region
    return {
        "EventSourceArn": source.arn,
        "FunctionName": platform.function,
        "StartingPosition": position,
        "BatchSize": batch_size or settings.batch_size,
        "MaximumBatchingWindowInSeconds": settings.batching_window_seconds,
        "ParallelizationFactor": settings.parallelization_factor,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": settings.maximum_retry_attempts,
        "MaximumRecordAgeInSeconds": settings.maximum_record_age_seconds,
        "DestinationConfig": {
            "OnFailure": {"Destination": f"arn:{partition_of(region)}:s3:::{platform.bucket}"},
        },
        "MetricsConfig": {"Metrics": ["EventCount"]},
    }
