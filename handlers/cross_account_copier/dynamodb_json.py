"""Turns a JSON document into DynamoDB JSON text, numbers digit for digit.

What becomes of each JSON value, by
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
and https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-data-types

| JSON                                               | DynamoDB                                                     |
|----------------------------------------------------|--------------------------------------------------------------|
| string, also an empty one                          | S                                                            |
| number of up to 38 digits, 1E-130 to 9.99…E+125    | N, as it is written                                          |
| any other number, NaN, Infinity                    | refused: rounding would be a different value                 |
| true, false                                        | BOOL                                                         |
| null                                               | NULL                                                         |
| array, object, also empty ones                     | L, M                                                         |
| nested more than 32 levels deep                    | refused                                                      |
| an empty name, text that UTF-8 cannot express      | refused                                                      |

JSON has no sets, so the empty sets that DynamoDB does not store cannot occur.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from json import JSONDecoder
from json.encoder import encode_basestring
from typing import Any, NoReturn

__all__ = ["Document", "decode", "encode"]

Document = dict[str, Any]

MAX_DIGITS = 38
MAX_EXPONENT = 125
MIN_EXPONENT = -130
MAX_DEPTH = 32
# "The maximum item size in DynamoDB is 400 KB, which includes both attribute name binary length (UTF-8 length) and
# attribute value binary lengths (UTF-8 length)."
MAX_ITEM_BYTES = 400 * 1024


class _Number(str):
    """A JSON number as it is written; a type of its own so that it is told from a string."""

    __slots__ = ()


def decode(data: bytes) -> Document:
    """The JSON object in `data`, for `encode`.

    Raises ValueError for what is not UTF-8, not JSON, not an object, or has a number that DynamoDB cannot hold.
    """
    try:
        document = _decode(data.decode())
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested far too deeply") from None
    if type(document) is not dict:
        raise ValueError("it is JSON but not an object")
    return document


def encode(document: Document) -> bytes:
    """The DynamoDB JSON of a document that `decode` made and that may have got further strings.

    Raises ValueError for what DynamoDB is certain to refuse.
    """
    try:
        item = _map(document, 0).encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which UTF-8 cannot express") from None
    # The text is longer than what DynamoDB counts, so that only a long one has to be measured.
    if len(item) > MAX_ITEM_BYTES and _least_size_bytes(document) > MAX_ITEM_BYTES:
        raise ValueError(f"the item is larger than {MAX_ITEM_BYTES} bytes")
    return item


def _int(literal: str) -> _Number:
    return _Number(literal) if len(literal) <= MAX_DIGITS else _checked(literal)


def _float(literal: str) -> _Number:
    if len(literal) <= MAX_DIGITS and "e" not in literal and "E" not in literal:
        return _Number(literal)
    return _checked(literal)


def _checked(literal: str) -> _Number:
    try:
        number = Decimal(literal)
    except InvalidOperation:
        raise ValueError("it has a number out of DynamoDB's range") from None
    if not number:
        return _Number("0")
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it has a number of more than {MAX_DIGITS} digits")
    if not MIN_EXPONENT <= number.adjusted() <= MAX_EXPONENT:
        raise ValueError("it has a number out of DynamoDB's range")
    return _Number(literal)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"it has {name}, which is not JSON")


_decode = JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=_constant).decode


def _string(value: str, _depth: int) -> str:
    return f'{{"S":{encode_basestring(value)}}}'


def _number(value: str, _depth: int) -> str:
    return f'{{"N":"{value}"}}'


def _boolean(value: bool, _depth: int) -> str:
    return '{"BOOL":true}' if value else '{"BOOL":false}'


def _null(_value: None, _depth: int) -> str:
    return '{"NULL":true}'


def _list(values: list[Any], depth: int) -> str:
    depth = _deeper(depth)
    return f'{{"L":[{",".join([_WRITERS[type(value)](value, depth) for value in values])}]}}'


def _nested_map(values: Document, depth: int) -> str:
    return f'{{"M":{_map(values, _deeper(depth))}}}'


def _map(values: Document, depth: int) -> str:
    if "" in values:
        raise ValueError("it has an attribute whose name is empty")
    texts = [f"{encode_basestring(name)}:{_WRITERS[type(value)](value, depth)}" for name, value in values.items()]
    return f"{{{','.join(texts)}}}"


def _deeper(depth: int) -> int:
    if depth == MAX_DEPTH:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
    return depth + 1


_WRITERS: dict[type, Callable[[Any, int], str]] = {
    str: _string,
    _Number: _number,
    bool: _boolean,
    type(None): _null,
    list: _list,
    dict: _nested_map,
}


def _least_size_bytes(value: Any) -> int:
    """The least that DynamoDB may count for a value, so that nothing is refused here that it would take.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    if type(value) is str:
        return len(value.encode())
    if type(value) is dict:
        return sum(len(name.encode()) + _least_size_bytes(part) for name, part in value.items())
    if type(value) is list:
        return sum(map(_least_size_bytes, value))
    return 1
