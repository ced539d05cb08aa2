"""Says what can be an item of DynamoDB, and what a key of one, as AWS documents it.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

from base64 import b64decode
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MAX_LEVELS = 32
MAX_DIGITS = 38
LEAST_EXPONENT, MOST_EXPONENT = -130, 125
MAX_ITEM_BYTES = 400 * 1024
# Of a partition key and of a sort key.
MAX_KEY_BYTES = (2048, 1024)


def check(fields: Mapping[str, Any]) -> None:
    """Raise ValueError, which says why, when no table can hold the fields. Numbers must be Decimals."""
    size_bytes = 0
    # Grows while it is read, so that no depth is too much.
    waiting: list[tuple[int, Any]] = [(0, fields)]
    for level, value in waiting:
        kind = type(value)
        if kind is str:
            size_bytes += len(value) if value.isascii() else _size_bytes(value)
        elif kind is Decimal:
            _check_number(value)
            size_bytes += 1
        elif kind is dict or kind is list:
            _check_level(level, value)
            if kind is dict:
                if "" in value:
                    raise ValueError("it has an attribute whose name is empty")
                size_bytes += sum(map(_size_bytes, value))
                value = value.values()
            waiting += [(level + 1, inner) for inner in value]
    # What is counted here is the least that DynamoDB may count.
    if size_bytes > MAX_ITEM_BYTES:
        raise ValueError(f"it is larger than {MAX_ITEM_BYTES} bytes")


def check_levels(fields: Mapping[str, Any]) -> None:
    """Raise ValueError when the fields are nested more deeply than those of an item can be."""
    waiting: list[tuple[int, Any]] = [(0, fields)]
    for level, value in waiting:
        _check_level(level, value)
        inside = value.values() if isinstance(value, dict) else value
        waiting += [(level + 1, inner) for inner in inside if isinstance(inner, (dict, list))]


def _check_level(level: int, value: Any) -> None:
    """The attributes are on the first level, and a scalar takes one, too."""
    if level > MAX_LEVELS or (level == MAX_LEVELS and value):
        raise ValueError(f"it is nested more than {MAX_LEVELS} levels deep")


def can_be_key(kind: str, value: object, most_bytes: int) -> bool:
    """Whether a value in DynamoDB JSON can be that of a key attribute."""
    if not isinstance(value, str) or not value:
        return False
    try:
        match kind:
            case "S":
                return _size_bytes(value) <= most_bytes
            case "B":
                return 0 < len(b64decode(value, validate=True)) <= most_bytes
            case "N":
                _check_number(Decimal(value))
                return True
    except (ValueError, ArithmeticError):
        pass
    return False


def _check_number(number: Decimal) -> None:
    if not number:
        return
    if not number.is_finite():
        raise ValueError("it has what is no number")
    digits = number.as_tuple().digits
    if len(digits) > MAX_DIGITS and len("".join(map(str, digits)).strip("0")) > MAX_DIGITS:
        raise ValueError(f"it has a number of more than {MAX_DIGITS} digits")
    if not LEAST_EXPONENT <= number.adjusted() <= MOST_EXPONENT:
        raise ValueError("it has a number out of DynamoDB's range")


def _size_bytes(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which UTF-8 cannot express") from None
