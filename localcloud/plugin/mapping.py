"""Between Pulumi's properties and the members of botocore's shapes, in both directions.

Names that differ only in case (`kmsKeyArn` and `KMSKeyArn`) find each other. The rest is said in a resource type's
`names`: a dotted Pulumi path (list indexes left out) to the dotted path of a member, taken from the shape that holds
it, or to `None` if the property is no member of a request.
"""

import datetime
from collections.abc import Mapping
from typing import Any

from localcloud.plugin.types import Listing, Map, Object, Scalar, Type

Names = Mapping[str, str | None]
# One of botocore's shapes. They are told apart by `type_name`, which type stubs cannot follow.
Shape = Any


def find_member(shape: Shape, names: Names, path: str) -> tuple[str, ...] | None:
    """The path of the member of `shape` that the property at `path` corresponds with, or None."""
    if path in names:
        target = names[path]
        return None if target is None else _resolve(shape, tuple(target.split(".")))
    name = path.rpartition(".")[2].lower()
    return next(((member,) for member in shape.members if member.lower() == name), None)


def _resolve(shape: Shape, target: tuple[str, ...]) -> tuple[str, ...] | None:
    current = shape
    for name in target:
        if current.type_name != "structure" or name not in current.members:
            return None
        current = current.members[name]
    return target


def member_shape(shape: Shape, target: tuple[str, ...]) -> Shape:
    """The shape of the member at the path `target`."""
    for name in target:
        shape = shape.members[name]
    return shape


def to_request(kind: Object, shape: Shape, values: Mapping[str, Any], names: Names, path: str = "") -> dict[str, Any]:
    """The request members that `values` correspond with; properties without a member in `shape` are left out."""
    request: dict[str, Any] = {}
    for name, value in values.items():
        here = f"{path}.{name}" if path else name
        target = find_member(shape, names, here)
        if target is None or name not in kind.properties or value is None:
            continue
        converted = _to_member(kind.properties[name], member_shape(shape, target), value, names, here)
        holder = request
        for part in target[:-1]:
            holder = holder.setdefault(part, {})
        holder[target[-1]] = converted
    return request


def _to_member(kind: Type, shape: Shape, value: Any, names: Names, path: str) -> Any:
    if isinstance(kind, Object):
        if shape.type_name == "list":  # a block of which there can be one: Pulumi shows the item, AWS keeps a list
            return [to_request(kind, shape.member, value, names, path)]
        return to_request(kind, shape, value, names, path)
    if isinstance(kind, Listing):
        return [_to_member(kind.item, shape.member, item, names, path) for item in value]
    if isinstance(kind, Map) and shape.type_name == "list":
        key, content = list(shape.member.members)[:2]
        return [{key: name, content: item} for name, item in value.items()]
    if isinstance(kind, Map):
        return dict(value)
    if shape.type_name == "list":
        return [_to_leaf(shape.member, value)]
    return _to_leaf(shape, value)


def _to_leaf(shape: Shape, value: Any) -> Any:
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name in ("float", "double"):
        return float(value)
    if shape.type_name == "boolean" and isinstance(value, str):
        return value == "true"
    if shape.type_name == "string" and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


def from_response(
    properties: Mapping[str, Type], response: Mapping[str, Any], names: Names, path: str = ""
) -> dict[str, Any]:
    """The properties that a response gives; a member that is absent, or an empty text or list, gives none."""
    lower = {key.lower(): key for key in response}
    found: dict[str, Any] = {}
    for name, kind in properties.items():
        here = f"{path}.{name}" if path else name
        target = names.get(here, name)
        if target is None:
            continue
        member: Any = response
        for part in target.split("."):
            key = lower.get(part.lower()) if member is response else part
            member = member.get(key) if isinstance(member, Mapping) else None
        value = _from_member(kind, member, names, here)
        if value not in (None, "", [], {}):
            found[name] = value
    return found


def _from_member(kind: Type, member: Any, names: Names, path: str) -> Any:
    if member is None:
        return None
    if isinstance(kind, Object):
        if isinstance(member, list):
            member = member[0] if member else {}
        return from_response(kind.properties, member, names, path) if isinstance(member, Mapping) else None
    if isinstance(kind, Listing):
        items = member if isinstance(member, list) else [member]
        return [_from_member(kind.item, item, names, path) for item in items]
    if isinstance(kind, Map):
        if isinstance(member, list):
            return dict(_pair(item) for item in member)
        return dict(member)
    return _from_leaf(kind, member[0] if isinstance(member, list) and member else member)


def _pair(item: Mapping[str, Any]) -> tuple[str, Any]:
    """Name and value of a list item such as `{"Name": ..., "Value": ...}` or `{"TagKey": ..., "TagValue": ...}`."""
    value = next(key for key in item if key.lower().endswith("value"))
    name = next(key for key in item if key != value)
    return item[name], item[value]


def _from_leaf(kind: Scalar, member: Any) -> Any:
    if isinstance(member, datetime.datetime):
        return member.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind.kind in ("str", "json"):
        return str(member).lower() if isinstance(member, bool) else str(member)
    if kind.kind == "bool":
        return member if isinstance(member, bool) else str(member).lower() in ("true", "enabled")
    if kind.kind == "int":
        return int(member)
    if kind.kind == "float":
        return int(member) if float(member).is_integer() else float(member)
    return member
