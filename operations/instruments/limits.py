"""Says what can be an item of DynamoDB, and what a key of one, as AWS documents it.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping
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
    for value in _values(fields):
        match value:
            case str():
                size_bytes += _size_bytes(value)
            case Decimal():
                _check_number(value)
                size_bytes += 1
            case dict():
                if "" in value:
                    raise ValueError("it has an attribute whose name is empty")
                size_bytes += sum(map(_size_bytes, value))
    # What is counted here is the least that DynamoDB may count.
    if size_bytes > MAX_ITEM_BYTES:
        raise ValueError(f"it is larger than {MAX_ITEM_BYTES} bytes")


def check_levels(fields: Mapping[str, Any]) -> None:
    """Raise ValueError when the fields are nested more deeply than those of an item can be."""
    for _ in _values(fields):
        pass


def _values(fields: Mapping[str, Any]) -> Iterator[Any]:
    """The fields and every value in them; those of the attributes are on the first level. Raises ValueError below."""
    waiting: list[tuple[int, Any]] = [(0, fields)]
    while waiting:
        level, value = waiting.pop()
        if level > MAX_LEVELS:
            raise ValueError(f"it is nested more than {MAX_LEVELS} levels deep")
        yield value
        if isinstance(value, (dict, list)):
            inner = value.values() if isinstance(value, dict) else value
            waiting += ((level + 1, one) for one in inner)


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
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it has a number of more than {MAX_DIGITS} digits")
    if not LEAST_EXPONENT <= number.adjusted() <= MOST_EXPONENT:
        raise ValueError("it has a number out of DynamoDB's range")


def _size_bytes(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which UTF-8 cannot express") from None
