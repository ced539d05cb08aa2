"""Writes DynamoDB JSON as plain JSON, numbers digit for digit.

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

__all__ = ["WRITERS", "object_text", "string_text"]

# https://www.rfc-editor.org/rfc/rfc8259#section-6
_is_json_number = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?").fullmatch

string_text: Callable[[str], str] = encode_basestring


def object_text(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """Attributes, or a map, as an object; they keep their order."""
    return f"{{{','.join([f'{string_text(name)}:{_value(value)}' for name, value in attributes.items()])}}}"


def _value(attribute: Mapping[str, Any]) -> str:
    ((kind, value),) = attribute.items()
    return WRITERS[kind](value)


def _list(values: list[Mapping[str, Any]]) -> str:
    return f"[{','.join(map(_value, values))}]"


def _number(text: str) -> str:
    # DynamoDB keeps numbers normalised; one that is written otherwise (007, .5) keeps its value.
    return text if _is_json_number(text) else str(Decimal(text))


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _null(_value: bool) -> str:
    return "null"


def _set_of(write: Callable[[str], str]) -> Callable[[list[str]], str]:
    return lambda values: f"[{','.join(map(write, values))}]"


# The type's name to what writes a value of it.
WRITERS: dict[str, Callable[[Any], str]] = {
    "S": string_text,
    "N": _number,
    "B": string_text,
    "BOOL": _boolean,
    "NULL": _null,
    "M": object_text,
    "L": _list,
    "SS": _set_of(string_text),
    "NS": _set_of(_number),
    "BS": _set_of(string_text),
}
