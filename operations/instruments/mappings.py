"""The event source mappings of a stack, from its state: what an instance of any kind is made of that can be held.

A kind needs to say nothing for this: whatever function on a stream a component declares is found.
"""

from dataclasses import dataclass
from typing import Any

from operations.engine import Engine
from operations.errors import StackError

MAPPING_TYPE = "aws:lambda/eventSourceMapping:EventSourceMapping"


@dataclass(frozen=True)
class Mapping:
    """An event source mapping in a stack's state, and the component of the instance that it belongs to.

    `id` is its UUID; it is `protected` when Pulumi refuses to replace it. What its function gives up goes to
    `failure_bucket`, "" when there is none.
    """

    urn: str
    component: str
    function: str
    source_arn: str
    id: str = ""
    failure_bucket: str = ""
    protected: bool = False


def mappings(engine: Engine, stack: str, function: str | None = None, component: str | None = None) -> list[Mapping]:
    """The mappings in a stack's state: all of them, those of an instance's component, or of the function so named.

    Raises StackError.
    """
    resources = engine.resources(stack)
    by_urn = {resource["urn"]: resource for resource in resources}
    found = [_mapping(resource, by_urn) for resource in resources if resource["type"] == MAPPING_TYPE]
    found = [mapping for mapping in found if component in (None, mapping.component)]
    # An instance may have no function on a stream, as a data lake; its stack then has something else.
    if not found and (component is None or not any(one["type"].startswith("aws:") for one in resources)):
        raise StackError(f"stack `{stack}` has no event source mapping. Type `tributary up {stack}` first.")
    names = sorted({mapping.function for mapping in found})
    if function is not None and function not in names:
        raise StackError(f"stack `{stack}` has no function `{function}` on a stream. It has {', '.join(names)}.")
    return [mapping for mapping in found if function in (None, mapping.function)]


def component_of(resource: dict[str, Any], by_urn: dict[str, dict[str, Any]]) -> str:
    """The component of the instance that a resource in a stack's state belongs to."""
    component = resource
    # The stack itself is the parent of the components of its instances.
    while (parent := by_urn[component["parent"]])["type"] != "pulumi:pulumi:Stack":
        component = parent
    return str(component["urn"].rpartition("::")[2])


def _mapping(resource: dict[str, Any], by_urn: dict[str, dict[str, Any]]) -> Mapping:
    outputs = resource["outputs"]
    # https://www.pulumi.com/registry/packages/aws/api-docs/lambda/eventsourcemapping/
    destination = ((outputs.get("destinationConfig") or {}).get("onFailure") or {}).get("destinationArn", "")
    return Mapping(
        urn=resource["urn"],
        component=component_of(resource, by_urn),
        function=outputs["functionArn"].split(":")[6],
        source_arn=outputs["eventSourceArn"],
        id=outputs.get("uuid", ""),
        failure_bucket=destination.rpartition(":")[2],
        protected=bool(resource.get("protect")),
    )
