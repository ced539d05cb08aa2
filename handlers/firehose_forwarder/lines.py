"""Turns DynamoDB JSON into a line of plain JSON, numbers digit for digit.

| DynamoDB   | JSON                                              |
|------------|---------------------------------------------------|
| S          | string                                            |
| N          | number, with the digits that DynamoDB has         |
| B          | string, base64 as the stream event has it         |
| BOOL, NULL | true or false, null                               |
| M, L       | object, array                                     |
| SS, NS, BS | array of what the members would be                |

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html (type descriptors)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

__all__ = ["line_of"]

# https://www.rfc-editor.org/rfc/rfc8259#section-6
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


def line_of(image: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The item as one line of JSON in UTF-8, its newline included; attributes keep their order."""
    return f"{_object(image)}\n".encode()


def _value(attribute: Mapping[str, Any]) -> str:
    ((kind, value),) = attribute.items()
    return _WRITERS[kind](value)


def _object(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    return f"{{{','.join([f'{encode_basestring(name)}:{_value(value)}' for name, value in attributes.items()])}}}"


def _list(values: list[Mapping[str, Any]]) -> str:
    return f"[{','.join(map(_value, values))}]"


def _number(text: str) -> str:
    # DynamoDB keeps numbers normalised; one that is written otherwise (007, .5) keeps its value.
    return text if _JSON_NUMBER.fullmatch(text) else str(Decimal(text))


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _null(_value: bool) -> str:
    return "null"


def _set_of(write: Callable[[str], str]) -> Callable[[list[str]], str]:
    return lambda values: f"[{','.join(map(write, values))}]"


_WRITERS: dict[str, Callable[[Any], str]] = {
    "S": encode_basestring,
    "N": _number,
    "B": encode_basestring,
    "BOOL": _boolean,
    "NULL": _null,
    "M": _object,
    "L": _list,
    "SS": _set_of(encode_basestring),
    "NS": _set_of(_number),
    "BS": _set_of(encode_basestring),
}
