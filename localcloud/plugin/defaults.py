"""What a program leaves out and the provider fills in: names, default tags, default values, documents as text."""

import json
from collections.abc import Mapping
from typing import Any

from localcloud.plugin.resource import Properties, ResourceType
from localcloud.plugin.types import Listing, Object, Scalar, Type
from localcloud.plugin.values import Secret, has_unknown, reveal

_AUTO_NAMED = "__defaults"


def complete(
    resource: ResourceType, logical: str, olds: Properties, news: Properties, seed: bytes, tags: Mapping[str, str]
) -> Properties:
    """The new inputs, completed. An automatic name is kept from `olds` for as long as the program gives none."""
    inputs = {name: _filled(resource, name, kind_of(resource, name), value) for name, value in news.items()}
    for name, value in resource.defaults.items():
        if "." not in name:
            inputs.setdefault(name, value)
    if tags and "tags" in resource.schema.inputs.properties and "tags" not in resource.unsupported:
        inputs["tags"] = _merged(tags, inputs.get("tags"))
    return _named(resource, logical, olds, inputs, seed)


def kind_of(resource: ResourceType, name: str) -> Type:
    """The declared type of an input; any value for the engine's own ones."""
    return resource.schema.inputs.properties.get(name, Scalar("any"))


def _filled(resource: ResourceType, path: str, kind: Type, value: Any) -> Any:
    if isinstance(value, Secret):
        return Secret(_filled(resource, path, kind, value.value))
    if isinstance(kind, Object) and isinstance(value, dict):
        members = {**resource.nested_defaults(path), **value}
        kinds = kind.properties
        return {name: _filled(resource, f"{path}.{name}", kinds[name], item) for name, item in members.items()}
    if isinstance(kind, Listing) and isinstance(value, list):
        return [_filled(resource, path, kind.item, item) for item in value]
    if kind == Scalar("json") and isinstance(value, dict) and not has_unknown(value):
        return json.dumps(reveal(value))
    return value


def _merged(defaults: Mapping[str, str], own: Any) -> Any:
    if own is None:
        return dict(defaults)
    if isinstance(own, Secret):
        return Secret(_merged(defaults, own.value))
    return {**defaults, **own} if isinstance(own, dict) else own


def _named(resource: ResourceType, logical: str, olds: Properties, inputs: Properties, seed: bytes) -> Properties:
    rule = resource.name
    if rule is None or rule.property in inputs:
        return inputs
    kept = olds.get(rule.property) if rule.property in reveal(olds.get(_AUTO_NAMED, [])) else None
    prefix = rule.prefix_property
    if prefix and reveal(olds.get(prefix)) != reveal(inputs.get(prefix)):
        kept = None
    name = kept if kept is not None else rule.make(logical, reveal(inputs), seed)
    return {**inputs, rule.property: name, _AUTO_NAMED: [rule.property]}
