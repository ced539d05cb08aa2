"""Reads a stream again from its horizon or from a time on, by making its event source mapping anew.

A new mapping at TRIM_HORIZON processes everything that the stream still holds, whatever an earlier mapping did:
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
The handlers write what they wrote before to the same keys, so the far end stays as it was.

Where a mapping starts is part of what the stack file says, so a replay from a time writes `startingTimestamp` there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from components.settings import KinesisReader
from operations.engine import Engine
from operations.errors import OperationError, StackError
from operations.stacks import Stack, read

MAPPING_TYPE = "aws:lambda/eventSourceMapping:EventSourceMapping"


@dataclass(frozen=True)
class Mapping:
    """An event source mapping in a stack's state, and the instance of the stack file that it belongs to."""

    urn: str
    instance: str
    function: str
    source_arn: str


def mappings(engine: Engine, stack: str, function: str | None) -> list[Mapping]:
    """The mappings in a stack's state: all of them, or those of the function with this name. Raises StackError."""
    resources = engine.resources(stack)
    by_urn = {resource["urn"]: resource for resource in resources}
    found = [_mapping(resource, by_urn) for resource in resources if resource["type"] == MAPPING_TYPE]
    if not found:
        raise StackError(f"stack `{stack}` has no event source mapping to replay. Type `pulumi up -s {stack}` first.")
    names = sorted({mapping.function for mapping in found})
    if function is None:
        return found
    if function not in names:
        raise StackError(f"stack `{stack}` has no function `{function}` on a stream. It has {', '.join(names)}.")
    return [mapping for mapping in found if mapping.function == function]


def time_of(text: str, option: str = "--at") -> datetime:
    """A time to read from, as an option has it: ISO 8601 with its zone, in the past. Raises OperationError."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or time > datetime.now(UTC):
        raise OperationError(f"{option} is {text!r}; it must be a time that is past, such as 2026-11-22T10:00:00Z.")
    return time


def describe(found: Sequence[Mapping], at: datetime | None) -> list[str]:
    """What a replay of these mappings does, a line for each. Raises OperationError when one cannot start at a time.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html: AT_TIMESTAMP is for Kinesis
    """
    if at is None:
        return [f"{one.function} reads {one.source_arn} again from its horizon" for one in found]
    for one in found:
        if one.source_arn.split(":")[2] != "kinesis":
            raise OperationError(
                f"{one.function} reads {one.source_arn}, and Lambda can read a table's stream from its horizon only. "
                "Leave out `--at`, or name a function on a Kinesis stream with `--function`."
            )
    return [f"{one.function} reads {one.source_arn} again from what arrived at {at.isoformat()}" for one in found]


def replay(engine: Engine, stack: str, found: Sequence[Mapping], at: datetime | None = None) -> None:
    """Replace the mappings. The stack's file and state know the new ones. Raises EngineError."""
    settings = read(engine, stack)
    for instance in sorted({mapping.instance for mapping in found}):
        _start(engine, settings, instance, at)
    replaced = [option for mapping in found for option in ("--replace", mapping.urn)]
    engine.attached(["up", "--yes", "--skip-preview", "--stack", stack, *replaced])


def _start(engine: Engine, stack: Stack, instance: str, at: datetime | None) -> None:
    """Say in the stack file where the instance's mapping starts, as the program will deploy it."""
    settings = stack.architectures[instance]
    setting = f'tributary:architectures["{instance}"].startingTimestamp'
    if at is not None:
        engine.run(["config", "set", "--stack", stack.name, "--path", setting, at.isoformat()])
    elif isinstance(settings, KinesisReader) and settings.starting_timestamp is not None:
        engine.run(["config", "rm", "--stack", stack.name, "--path", setting])


def _mapping(resource: dict[str, Any], by_urn: dict[str, dict[str, Any]]) -> Mapping:
    instance = resource
    # The stack itself is the parent of the components of its instances.
    while (parent := by_urn[instance["parent"]])["type"] != "pulumi:pulumi:Stack":
        instance = parent
    outputs = resource["outputs"]
    return Mapping(
        urn=resource["urn"],
        instance=instance["urn"].rpartition("::")[2],
        function=outputs["functionArn"].split(":")[6],
        source_arn=outputs["eventSourceArn"],
    )
