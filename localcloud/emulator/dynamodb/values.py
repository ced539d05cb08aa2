"""Attribute values: what the emulator says about them, sooner for the values that nearly all items consist of.

Text and whole numbers as DynamoDB writes them are told apart here; everything else is left to the emulator.
Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from collections.abc import Callable
from typing import Any, TypeGuard

from localcloud.emulator.patching import replaces

MODULE = "ministack.services.dynamodb"
MAX_DIGITS = 38


def is_plain(text: Any) -> TypeGuard[str]:
    """Whether this is a whole number without sign and leading zeros, which DynamoDB keeps as it is."""
    if type(text) is not str or not text.isdecimal() or not text.isascii():
        return False
    return text == "0" or (text[0] != "0" and len(text) <= MAX_DIGITS)


def plain_number_bytes(text: str) -> int:
    """The size of a plain number: a byte, and one for two digits, zeros at the end in pairs left out."""
    significant = text.rstrip("0")
    if not significant:
        return 1
    return 1 + (len(significant) + (len(text) - len(significant)) % 2 + 1) // 2


def plain_item_bytes(item: Any) -> int | None:
    """The size of an item by names and values when all are text and plain numbers, and so valid; None otherwise."""
    if type(item) is not dict:
        return None
    total = 0
    for name, value in item.items():
        if not name or type(value) is not dict or len(value) != 1:
            return None
        if type(text := value.get("S")) is str:
            total += len(text) if text.isascii() else len(text.encode())
        elif is_plain(number := value.get("N")):
            total += plain_number_bytes(number)
        else:
            return None
        total += len(name) if name.isascii() else len(name.encode())
    return total


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
