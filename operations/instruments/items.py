"""Decides whether two items are equal, from digests of them that do not depend on the order of anything unordered."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from operations.instruments.raw import Item

DIGEST_BYTES = 16
# Only these make two texts of one item differ: a set has no order, a number may be written in several ways.
_SETS = {"SS", "NS", "BS"}
_NUMBERS = {"N", "NS"}
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def digest(item: Item) -> int:
    """128 bits of the item's names, types and values."""
    return _hash(_encode(_canonical_item(item)))


def key_of(item: Item, names: Sequence[str]) -> str:
    """The key attributes as text: the same for items with one key, in whatever table."""
    return json.dumps([_canonical(item[name]) for name in names], separators=(",", ":"))


def key_attributes(key: str, names: Sequence[str]) -> Item:
    """The key attributes again, from what `key_of` made of them."""
    return dict(zip(names, json.loads(key), strict=True))


def share_of(key: str, shares: int) -> int:
    """Which of so many equal shares a key belongs to."""
    return _hash(key) % shares


def differing_attributes(one: Item, other: Item) -> list[str]:
    """The names of the attributes that are not the same in both."""
    first, second = _canonical_item(one), _canonical_item(other)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=DIGEST_BYTES).digest(), "big")


def _canonical_item(item: Mapping[str, Any]) -> dict[str, Any]:
    # Most attributes are text, which is looked at no further.
    return {name: value if "S" in value else _canonical(value) for name, value in item.items()}


def _canonical(attribute: Mapping[str, Any]) -> Mapping[str, Any]:
    ((kind, value),) = attribute.items()
    match kind:
        case "M":
            return {kind: _canonical_item(value)}
        case "L":
            return {kind: [_canonical(element) for element in value]}
        case "N":
            return {kind: _number(value)}
        case _ if kind in _SETS:
            return {kind: sorted(map(_number, value) if kind in _NUMBERS else value)}
    return attribute


def _number(text: str) -> str:
    # Most are whole numbers as DynamoDB writes them, without zeros at their ends.
    if text.isdecimal() and text[0] != "0" and text[-1] != "0":
        return text
    # Not Decimal.normalize, which rounds to 28 digits: DynamoDB has 38.
    sign, digits, exponent = Decimal(text).as_tuple()
    written = "".join(map(str, digits)).lstrip("0")
    significant = written.rstrip("0")
    if not significant:
        return "0"
    exponent = int(exponent) + len(written) - len(significant)
    return f"{'-' if sign else ''}{significant}{f'E{exponent}' if exponent else ''}"
