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
| a value more than 32 levels deep                   | refused: 31 arrays and objects may be around a scalar        |
| an empty name, text that UTF-8 cannot express      | refused                                                      |

JSON has no sets, so the empty sets that DynamoDB does not store cannot occur.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from json import JSONDecoder
from json.encoder import encode_basestring as quote
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
# What RFC 8259 lets a reader ignore at the start of a text.
BYTE_ORDER_MARK = "\ufeff"


class _Int(str):
    """A JSON number as it is written, without fraction and exponent; of a type of its own to tell it from a string."""

    __slots__ = ()


class _Float(str):
    """Any other JSON number as it is written."""

    __slots__ = ()


def decode(data: bytes) -> Document:
    """The JSON object in `data`, for `encode`. A byte order mark before it is passed over.

    Raises ValueError for what is not UTF-8, not JSON, or not an object.
    """
    try:
        document = _parse(data.decode())
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested far too deeply") from None
    if type(document) is not dict:
        raise ValueError("it is JSON but not an object")
    return document


def encode(document: Document, own: Mapping[str, str]) -> bytes:
    """The DynamoDB JSON of a document that `decode` made, with the plain strings `own` in the place of equally named
    members: neither their names nor they have anything to escape.

    Members that are null or an empty string are left out. Raises ValueError for what DynamoDB is certain to refuse.
    """
    if not own.keys().isdisjoint(document):
        document = {name: value for name, value in document.items() if name not in own}
    members = _members(document, 1, True)
    members += [f'"{name}":{{"S":"{value}"}}' for name, value in own.items()]
    try:
        item = f"{{{','.join(members)}}}".encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which UTF-8 cannot express") from None
    # The text is longer than what DynamoDB counts, so that only a long one has to be measured.
    if len(item) > MAX_ITEM_BYTES and _least_size_bytes({**document, **own}) > MAX_ITEM_BYTES:
        raise ValueError(f"the item is larger than {MAX_ITEM_BYTES} bytes")
    return item


def _constant(name: str) -> NoReturn:
    raise ValueError(f"it has {name}, which is not JSON")


_decoder = JSONDecoder(parse_float=_Float, parse_int=_Int, parse_constant=_constant)
_scan = _decoder.scan_once  # type: ignore[attr-defined]  # the stubs lack it


def _parse(text: str) -> Any:
    # A text that begins and ends with its object, as nearly all do, needs no search for blanks around it.
    if text[:1] == "{" and text[-1:] == "}":
        try:
            document, end = _scan(text, 0)
        except StopIteration:
            end = -1
        if end == len(text):
            return document
    return _decoder.decode(text.removeprefix(BYTE_ORDER_MARK))


def _members(values: Document, depth: int, of_item: bool = False) -> list[str]:
    """The members of a map whose values are `depth` levels deep. An item has none that are null or an empty string.

    Strings and numbers are most of what there is, and so are not worth a call each.
    """
    if depth > MAX_DEPTH and values:
        raise _too_deep()
    texts = []
    for name, value in values.items():
        kind = type(value)
        if kind is str:
            if of_item and value == "":
                continue
            texts.append(f'{quote(name)}:{{"S":{quote(value)}}}')
        elif kind is _Int and len(value) <= MAX_DIGITS:
            texts.append(f'{quote(name)}:{{"N":"{value}"}}')
        elif value is not None or not of_item:
            texts.append(f"{quote(name)}:{_WRITERS[kind](value, depth)}")
    if "" in values and not (of_item and values[""] in (None, "")):
        raise ValueError("it has an attribute whose name is empty")
    return texts


def _string(value: str, _depth: int) -> str:
    return f'{{"S":{quote(value)}}}'


def _int(literal: str, _depth: int) -> str:
    return f'{{"N":"{literal if len(literal) <= MAX_DIGITS else _checked(literal)}"}}'


def _float(literal: str, _depth: int) -> str:
    simple = len(literal) <= MAX_DIGITS and "e" not in literal and "E" not in literal
    return f'{{"N":"{literal if simple else _checked(literal)}"}}'


def _checked(literal: str) -> str:
    try:
        number = Decimal(literal)
    except InvalidOperation:
        raise ValueError("it has a number out of DynamoDB's range") from None
    if not number:
        return "0"
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it has a number of more than {MAX_DIGITS} digits")
    if not MIN_EXPONENT <= number.adjusted() <= MAX_EXPONENT:
        raise ValueError("it has a number out of DynamoDB's range")
    return literal


def _boolean(value: bool, _depth: int) -> str:
    return '{"BOOL":true}' if value else '{"BOOL":false}'


def _null(_value: None, _depth: int) -> str:
    return '{"NULL":true}'


def _list(values: list[Any], depth: int) -> str:
    depth += 1
    if depth > MAX_DEPTH and values:
        raise _too_deep()
    return f'{{"L":[{",".join([_WRITERS[type(value)](value, depth) for value in values])}]}}'


def _map(values: Document, depth: int) -> str:
    return f'{{"M":{{{",".join(_members(values, depth + 1))}}}}}'


def _too_deep() -> ValueError:
    return ValueError(f"it has values more than {MAX_DEPTH} levels deep")


_WRITERS: dict[type, Callable[[Any, int], str]] = {
    str: _string,
    _Int: _int,
    _Float: _float,
    bool: _boolean,
    type(None): _null,
    list: _list,
    dict: _map,
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
