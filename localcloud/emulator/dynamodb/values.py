"""Attribute values: what the emulator says about them, sooner for the values that nearly all items consist of.

Text, whole numbers as DynamoDB writes them, and lists and maps of these are told apart here; everything else is left
to the emulator.
Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from collections.abc import Callable
from typing import Any, TypeGuard

from localcloud.emulator.patching import replaces

MODULE = "ministack.services.dynamodb"
MAX_DIGITS = 38
# Deeper values are left to the emulator, which knows how deep they may be.
MAX_DEPTH = 16


def is_plain(text: Any) -> TypeGuard[str]:
    """Whether this is a whole number without leading zeros, which DynamoDB keeps as it is."""
    if type(text) is not str or not text.isascii():
        return False
    digits = text[1:] if text[:1] == "-" else text
    return digits.isdecimal() and (text == "0" or (digits[0] != "0" and len(digits) <= MAX_DIGITS))


def plain_number_bytes(text: str) -> int:
    """The size of a plain number: a byte, one for two digits but for pairs of zeros at the end, and one for a sign."""
    significant = text.rstrip("0")
    if not significant:
        return 1
    if text[0] == "-":
        return 1 + plain_number_bytes(text[1:])
    return 1 + (len(significant) + (len(text) - len(significant)) % 2 + 1) // 2


def plain_item_bytes(item: Any) -> int | None:
    """The size of an item by names and values when all are plain, and so valid; None otherwise.

    Plain are text, plain numbers, booleans, null, and lists and maps of them.
    """
    return _members_bytes(item, 0) if type(item) is dict else None


def _members_bytes(members: dict[Any, Any], depth: int) -> int | None:
    total = 0
    for name, value in members.items():
        if not name or (size_bytes := _value_bytes(value, depth)) is None:
            return None
        total += size_bytes + (len(name) if name.isascii() else len(name.encode()))
    return total


def _value_bytes(value: Any, depth: int) -> int | None:
    if type(value) is not dict or len(value) != 1:
        return None
    ((kind, held),) = value.items()
    match kind:
        case "S" if type(held) is str:
            return len(held) if held.isascii() else len(held.encode())
        case "N" if is_plain(held):
            return plain_number_bytes(held)
        case "BOOL" | "NULL" if held is True or (held is False and kind == "BOOL"):
            return 1
        case "M" if type(held) is dict and depth < MAX_DEPTH:
            inside = _members_bytes(held, depth + 1)
            return None if inside is None else 3 + len(held) + inside
        case "L" if type(held) is list and depth < MAX_DEPTH:
            total = 3 + len(held)
            for element in held:
                if (size_bytes := _value_bytes(element, depth + 1)) is None:
                    return None
                total += size_bytes
            return total
    return None


def install() -> None:
    @replaces(MODULE, "_item_size_bytes", source="9be41cc11f94")
    def item_size_bytes(original: Callable[[Any], int], item: Any) -> int:
        size_bytes = plain_item_bytes(item)
        return original(item) if size_bytes is None else size_bytes

    @replaces(MODULE, "_ddb_canonicalize_number", source="cfa3862c4b51")
    def canonical(original: Callable[[Any], str | None], text: Any) -> str | None:
        return text if is_plain(text) else original(text)

    @replaces(MODULE, "_number_error", source="ef4bc256910b")
    def number_error(original: Callable[[Any], str | None], text: Any) -> str | None:
        return None if is_plain(text) else original(text)
