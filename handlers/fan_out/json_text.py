"""Writes JSON from parts that are JSON texts already, and reads it so that numbers keep their digits.

What a source says is passed on as it was written: 38 digits of a DynamoDB number do not fit into a float.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Any, NoReturn

__all__ = ["array_of", "object_of", "read", "text_of", "write"]


def object_of(members: Iterable[tuple[str, str]]) -> str:
    """An object, of names and JSON texts."""
    return f"{{{','.join([f'{encode_basestring(name)}:{text}' for name, text in members])}}}"


def array_of(texts: Iterable[str]) -> str:
    """An array, of JSON texts."""
    return f"[{','.join(texts)}]"


def text_of(data: bytes) -> str:
    """The JSON document in `data`, as it is written. Raises ValueError, whose text does not quote it."""
    text = _decoded(data)
    _parsed(text, _CHECKS)
    return text.strip(_WHITE)


def read(data: bytes) -> Any:
    """The JSON document in `data`, for `write`. Raises ValueError, whose text does not quote it."""
    return _parsed(_decoded(data), _READS)


def write(value: Any) -> str:
    """The JSON text of what `read` gave, or of what was made from it."""
    if isinstance(value, dict):
        return object_of((name, write(member)) for name, member in value.items())
    if isinstance(value, list):
        return array_of(map(write, value))
    if isinstance(value, str):
        return encode_basestring(value)
    return value.text if isinstance(value, _Number) else json.dumps(value, allow_nan=False)


class _Number(float):
    """A number that remembers how it was written."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> _Number:
        number = super().__new__(cls, text)
        number.text = text
        return number


# JMESPath's functions tell types by the names of their classes.
_Number.__name__ = "float"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_CHECKS = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant).decode
_READS = json.JSONDecoder(parse_float=_Number, parse_constant=_no_constant).decode
# https://www.rfc-editor.org/rfc/rfc8259#section-2
_WHITE = " \t\n\r"


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError("its data is not JSON: it is not UTF-8") from None


def _parsed(text: str, decode: Any) -> Any:
    try:
        return decode(text)
    except RecursionError:
        raise ValueError("its data is nested far too deeply") from None
    except ValueError as error:
        raise ValueError(f"its data is not JSON: {error}") from None
