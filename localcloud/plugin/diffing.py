"""What changed between two sets of inputs, property by property, and whether AWS can change it in place.

As in the real plugin, a property that is not set equals its zero value (false, 0, empty text, empty list), and one
that AWS fills in by itself changes only when the program sets it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from localcloud.plugin import documents
from localcloud.plugin.values import UNKNOWN, Archive, Asset, fingerprint

if TYPE_CHECKING:
    from localcloud.plugin.resource import ResourceType


class Kind(Enum):
    """What happened to a property."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Change:
    """One changed property; `replace` says that AWS cannot change it in place."""

    path: str
    kind: Kind
    replace: bool


def compare(
    resource: "ResourceType", old: Mapping[str, Any], new: Mapping[str, Any], live: Mapping[str, Any]
) -> list[Change]:
    """The changes from `old` to `new` inputs.

    `live` are the outputs: they tell the value of a property that was not an input before. Properties whose names
    begin with `__` are the engine's own and are ignored.
    """
    changes: list[Change] = []
    for name in sorted(old.keys() | new.keys()):
        if name.startswith("__") or (name not in new and _computed(resource, name)):
            continue
        before = old.get(name, live.get(name))
        if before is not None and name in resource.told_as:
            before = resource.told_as[name](before)
        kind = Kind.ADD if name not in old else Kind.DELETE if name not in new else Kind.UPDATE
        changes += [
            Change(path, kind if path == name else leaf_kind, resource.is_immutable(plain(path)))
            for path, leaf_kind in _leaves(resource, name, before, new.get(name))
        ]
    return changes


def equal(resource: "ResourceType", path: str, old: Any, new: Any) -> bool:
    """Whether two values of the property at `path` mean the same."""
    return not list(_leaves(resource, path, old, new))


def plain(path: str) -> str:
    """The path without list indexes."""
    return re.sub(r"\[\d+\]", "", path)


def _leaves(resource: "ResourceType", path: str, old: Any, new: Any) -> Iterator[tuple[str, Kind]]:
    flat = plain(path)
    before, after = _canonical(resource, flat, old), _canonical(resource, flat, new)
    before = _without_computed(resource, flat, before, after)
    if fingerprint(before) == fingerprint(after):
        return
    if isinstance(before, dict) and isinstance(after, dict) and isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _leaves(resource, f"{path}.{key}", old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and flat not in resource.unordered:
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from _leaves(resource, f"{path}[{index}]", *pair)
    elif _is_zero(old):
        yield path, Kind.ADD
    else:
        yield path, Kind.DELETE if _is_zero(new) else Kind.UPDATE


def _canonical(resource: "ResourceType", path: str, value: Any) -> Any:
    if value is UNKNOWN:
        return UNKNOWN
    if value is None:
        value = resource.defaults.get(path)
    if isinstance(value, Archive | Asset):
        return value.hash or fingerprint(value.source)
    if path in resource.documents and value is not None:
        return documents.canonical(value)
    if isinstance(value, dict):
        members = {key: _canonical(resource, f"{path}.{key}", item) for key, item in value.items()}
        missing = {key: item for key, item in resource.nested_defaults(path).items() if key not in members}
        return {key: item for key, item in {**missing, **members}.items() if not _is_zero(item)} or None
    if isinstance(value, list):
        items = [_canonical(resource, path, item) for item in value]
        return (sorted(items, key=fingerprint) if path in resource.unordered else items) or None
    if path in resource.case_insensitive and isinstance(value, str):
        return value.lower()
    return None if _is_zero(value) else value


def _without_computed(resource: "ResourceType", path: str, before: Any, after: Any) -> Any:
    """`before` without what AWS filled in and the program leaves to it."""
    if isinstance(before, dict) and (after is None or isinstance(after, dict)):
        rest = after or {}
        kept = {
            key: _without_computed(resource, f"{path}.{key}", item, rest.get(key))
            for key, item in before.items()
            if key in rest or not _computed(resource, f"{path}.{key}")
        }
        return {key: item for key, item in kept.items() if item is not None} or None
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [_without_computed(resource, path, *pair) for pair in zip(before, after, strict=True)]
    return before


def _computed(resource: "ResourceType", path: str) -> bool:
    return path in resource.computed


def _is_zero(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {}) or (value == 0 and not isinstance(value, bool))
