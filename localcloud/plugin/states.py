"""Inputs and outputs as the engine keeps them, from what the program gave and what AWS shows."""

from localcloud.plugin import diffing
from localcloud.plugin.resource import Context, Properties, ResourceType
from localcloud.plugin.values import UNKNOWN, reveal


def visible(inputs: Properties) -> Properties:
    """The inputs without the engine's own, whose names begin with `__`."""
    return {key: value for key, value in inputs.items() if not key.startswith("__")}


def foreseen(resource: ResourceType, inputs: Properties) -> Properties:
    """The outputs as far as they are known before creation."""
    declared = resource.schema.inputs.properties
    unknown = [name for name in resource.schema.outputs if name not in declared or name in resource.computed]
    return {**dict.fromkeys(unknown, UNKNOWN), **visible(inputs)}


def outputs_of(context: Context, live: Properties) -> Properties:
    """Everything that `pulumi_aws` declares, in the words of the program where AWS means the same."""
    resource, inputs = context.resource, visible(context.inputs)
    outputs = dict(inputs)
    for name in resource.schema.outputs:
        if name in live and not (name in inputs and diffing.equal(resource, name, live[name], inputs[name])):
            outputs[name] = live[name]
    if "tagsAll" in resource.schema.outputs:
        outputs["tagsAll"] = live.get("tags", inputs.get("tags", {}))
    if "region" in resource.schema.outputs:
        outputs["region"] = context.region
    return outputs


def inputs_of(resource: ResourceType, old: Properties, live: Properties) -> Properties:
    """The inputs that would make AWS as it is: the old ones where they still hold, what AWS has where they do not."""
    inputs: Properties = {}
    for name in resource.schema.inputs.properties:
        if name in resource.write_only:
            value = old.get(name)
        elif name in old and diffing.equal(resource, name, live.get(name), old[name]):
            value = old[name]
        elif name not in old and (
            diffing.equal(resource, name, live.get(name), None) or (old and name in resource.computed)
        ):
            value = resource.defaults.get(name) if not old else None
        else:
            value = live.get(name)
        if value is not None and (value not in ([], {}) or name in old):
            inputs[name] = value
    return {**{key: value for key, value in old.items() if key.startswith("__")}, **inputs}


def is_secret(inputs: Properties, key: str) -> bool:
    """Whether the engine sent the property, or a part of it, as a secret."""
    return key in inputs and inputs[key] != reveal(inputs[key])
