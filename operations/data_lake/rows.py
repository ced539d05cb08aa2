"""Reads the lake's rows back: a line of JSON becomes the change that it was made of, its item in DynamoDB JSON.

The rules of names and types are the transformer's: see handlers/README.md. What was hashed stays a hash; nothing else
is lost.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from handlers.lake_transformer.columns import OWN_PREFIX, plain_path
from operations.instruments.raw import Item

OLD_PREFIX = "change_old__"


class _Number(str):
    """A number's digits."""

    __slots__ = ()


def read_line(line: str | bytes) -> dict[str, Any]:
    """A line's columns; a number is its digits, and is told from text by `item_of`. Raises ValueError."""
    row = json.loads(line, parse_float=_Number, parse_int=_Number)
    if not isinstance(row, dict):
        raise ValueError("a line of the lake is a JSON object")
    return row


def item_of(row: Mapping[str, Any]) -> Item:
    """The item of a row: for a removed item its key."""
    if "change_item" in row:
        item: Item = json.loads(row["change_item"])
        return item
    return _item(row, (name for name in row if not name.startswith(OWN_PREFIX)), "")


def old_item_of(row: Mapping[str, Any]) -> Item | None:
    """The item before the change, None when the row has none."""
    if "change_old_item" in row:
        item: Item = json.loads(row["change_old_item"])
        return item
    columns = [name for name in row if name.startswith(OLD_PREFIX)]
    return _item(row, columns, OLD_PREFIX) if columns else None


def _item(row: Mapping[str, Any], columns: Iterable[str], prefix: str) -> Item:
    names: Mapping[str, list[str]] = json.loads(row.get("change_names") or "{}")
    types: Mapping[str, Any] = json.loads(row.get("change_types") or "{}")
    item: dict[str, Any] = {}
    for column in columns:
        *outer, last = names.get(column) or plain_path(column.removeprefix(prefix))
        level = item
        for name in outer:
            level = level.setdefault(name, {"M": {}})["M"]
        level[last] = _attribute(row[column], types.get(column))
    return item


def _attribute(value: Any, shape: Any) -> dict[str, Any]:
    """A value as DynamoDB has it; `shape` is what `change_types` says of it."""
    if isinstance(shape, str):
        return {shape: [str(member) for member in value] if shape in ("SS", "NS", "BS") else value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, _Number):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        shapes = shape or [None] * len(value)
        return {"L": [_attribute(element, one) for element, one in zip(value, shapes, strict=True)]}
    shapes = shape or {}
    return {"M": {name: _attribute(part, shapes.get(name)) for name, part in value.items()}}
