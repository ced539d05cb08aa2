"""Reads a stream again from its horizon, by making its event source mapping anew.

A new mapping at TRIM_HORIZON processes everything that the stream still holds, whatever an earlier mapping did:
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
The handlers write what they wrote before to the same keys, so the far end stays as it was.
"""

from collections.abc import Sequence
from typing import Any

from operations.engine import Engine
from operations.errors import StackError

MAPPING_TYPE = "aws:lambda/eventSourceMapping:EventSourceMapping"


def mappings(engine: Engine, stack: str, function: str | None) -> list[dict[str, Any]]:
    """The mappings in a stack's state: all of them, or those of the function with this name. Raises StackError."""
    found = [resource for resource in engine.resources(stack) if resource["type"] == MAPPING_TYPE]
    if not found:
        raise StackError(f"stack `{stack}` has no event source mapping to replay. Type `pulumi up -s {stack}` first.")
    names = sorted({_function(resource) for resource in found})
    if function is None:
        return found
    if function not in names:
        raise StackError(f"stack `{stack}` has no function `{function}` on a stream. It has {', '.join(names)}.")
    return [resource for resource in found if _function(resource) == function]


def describe(resources: Sequence[dict[str, Any]]) -> list[str]:
    """What a replay of these mappings does, a line for each."""
    return [
        f"{_function(resource)} reads {resource['outputs']['eventSourceArn']} again from its horizon"
        for resource in resources
    ]


def replay(engine: Engine, stack: str, resources: Sequence[dict[str, Any]]) -> None:
    """Replace the mappings. The stack's state knows the new ones. Raises EngineError."""
    replaced = [option for resource in resources for option in ("--replace", resource["urn"])]
    engine.attached(["up", "--yes", "--skip-preview", "--stack", stack, *replaced])


def _function(resource: dict[str, Any]) -> str:
    name: str = resource["outputs"]["functionArn"].split(":")[6]
    return name
