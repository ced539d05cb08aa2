"""Reads a stream again from its horizon or from a time on, by making its event source mapping anew.

A new mapping at TRIM_HORIZON processes everything that the stream still holds, whatever an earlier mapping did:
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
The handlers write what they wrote before to the same keys, so the far end stays as it was.

Where a mapping starts is part of what the stack file says, so a replay from a time writes `startingTimestamp` there.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from components.settings import KinesisReader
from operations.asked import ReplayAsked
from operations.dialogue import Dialogue, Result
from operations.engine import Engine
from operations.errors import OperationError
from operations.instances import Instance
from operations.instruments.mappings import Mapping
from operations.stacks import Stack, read


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


def replay(
    engine: Engine,
    stack: str,
    found: Sequence[Mapping],
    at: datetime | None = None,
    run: Callable[[list[str]], object] | None = None,
) -> None:
    """Replace the mappings. The stack's file and state know the new ones. Raises EngineError.

    `run` runs Pulumi; on this terminal when it is left out.
    """
    settings = read(engine, stack)
    for component in sorted({mapping.component for mapping in found}):
        _start(engine, settings, settings.instance_of(component), at)
    for mapping in found:
        if mapping.protected:
            # The mapping is wanted anew, and what it reads again loses nothing. The deployment protects the new one.
            engine.run(["state", "unprotect", mapping.urn, "--yes", "--stack", stack])
    replaced = [option for mapping in found for option in ("--replace", mapping.urn)]
    (run or engine.attached)(["up", "--yes", "--skip-preview", "--stack", stack, *replaced])


def _start(engine: Engine, stack: Stack, instance: str, at: datetime | None) -> None:
    """Say in the stack file where the instance's mapping starts, as the program will deploy it."""
    settings = stack.architectures[instance]
    setting = f'tributary:architectures["{instance}"].startingTimestamp'
    if at is not None:
        engine.run(["config", "set", "--stack", stack.name, "--path", setting, at.replace(microsecond=0).isoformat()])
    elif isinstance(settings, KinesisReader) and settings.starting_timestamp is not None:
        engine.run(["config", "rm", "--stack", stack.name, "--path", setting])


def verb(at: Instance, asked: ReplayAsked, dialogue: Dialogue) -> Result:
    """Replay the streams of an instance's functions, or of one of them."""
    found = at.mappings(asked.function)
    # The stack's file and state are changed before Pulumi looks at the account.
    at.guard()
    for line in describe(found, asked.at):
        dialogue.say(line)
    dialogue.confirm("Replay?")
    # Pulumi's own lines would spoil the JSON.
    told = partial(at.engine.run, on_line=dialogue.say) if dialogue.as_json else at.engine.attached
    replay(at.engine, at.stack.name, found, asked.at, told)
    text = f"{len(found)} mappings read again."
    if asked.at is not None:
        text += (
            f" Pulumi.{at.stack.name}.yaml now says `startingTimestamp`, which is where the mapping began: keep it, or "
            "the next `pulumi up` makes another mapping that begins at the horizon."
        )
    return Result({"replayed": [{"function": one.function, "source": one.source_arn} for one in found]}, text)
