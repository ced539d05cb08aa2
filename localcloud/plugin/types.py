"""The types that `pulumi_aws` declares its properties with, and their form as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scalar:
    """A leaf: `kind` is str, int, float, bool, json, archive, asset or any."""

    kind: str


@dataclass(frozen=True)
class Listing:
    """A list of one type."""

    item: "Type"


@dataclass(frozen=True)
class Map:
    """An object whose keys the user chooses."""

    item: "Type"


@dataclass(frozen=True)
class Object:
    """An object whose properties `pulumi_aws` declares, some of them required."""

    properties: Mapping[str, "Type"]
    required: frozenset[str] = frozenset()


Type = Scalar | Listing | Map | Object


def to_data(kind: Type) -> Any:
    """A type as JSON data."""
    if isinstance(kind, Scalar):
        return kind.kind
    if isinstance(kind, Listing | Map):
        return {"list" if isinstance(kind, Listing) else "map": to_data(kind.item)}
    return {
        "object": {name: to_data(item) for name, item in kind.properties.items()},
        "required": sorted(kind.required),
    }


def from_data(data: Any) -> Type:
    """The type from JSON data."""
    if isinstance(data, str):
        return Scalar(data)
    if "list" in data:
        return Listing(from_data(data["list"]))
    if "map" in data:
        return Map(from_data(data["map"]))
    return Object({name: from_data(item) for name, item in data["object"].items()}, frozenset(data["required"]))
