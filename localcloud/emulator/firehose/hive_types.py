"""Hive types of a Glue table's columns, as Arrow types, and JSON values as values of these types.

https://docs.aws.amazon.com/athena/latest/ug/data-types.html
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

_PRIMITIVES: dict[str, Callable[[], Any]] = {
    "boolean": pa.bool_,
    "tinyint": pa.int8,
    "smallint": pa.int16,
    "int": pa.int32,
    "integer": pa.int32,
    "bigint": pa.int64,
    "float": pa.float32,
    "double": pa.float64,
    "string": pa.string,
    "binary": pa.binary,
    "date": pa.date32,
    "timestamp": lambda: pa.timestamp("ms"),
}
_PARAMETERS = re.compile(r"(decimal|varchar|char)\s*(?:\(([\d\s,]*)\))?")

# Above this a whole number is taken for milliseconds: seconds would be later than the year 5138.
_MILLISECONDS_FROM = 100_000_000_000


def arrow_type(hive_type: str) -> Any:
    """The Arrow type of a Hive type, nested ones included. Raises ValueError for a type that does not exist."""
    text = hive_type.strip().lower()
    if text in _PRIMITIVES:
        return _PRIMITIVES[text]()
    if match := _PARAMETERS.fullmatch(text):
        if match.group(1) != "decimal":
            return pa.string()
        precision, _, scale = (match.group(2) or "10,0").partition(",")
        return pa.decimal128(int(precision), int(scale or 0))
    kind, _, inner = text.partition("<")
    arguments = split_arguments(inner[:-1])
    if kind == "array" and len(arguments) == 1:
        return pa.list_(arrow_type(arguments[0]))
    if kind == "map" and len(arguments) == 2:
        return pa.map_(arrow_type(arguments[0]), arrow_type(arguments[1]))
    if kind == "struct" and arguments:
        fields = [argument.partition(":") for argument in arguments]
        return pa.struct([pa.field(name.strip(), arrow_type(kind)) for name, _, kind in fields])
    raise ValueError(f"{hive_type!r} is not a Hive type.")


def split_arguments(inner: str) -> list[str]:
    """The arguments of a nested type: parts between commas that are in no bracket."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(inner):
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            parts.append(inner[start:position])
            start = position + 1
    return [part for part in (*parts, inner[start:]) if part.strip()]


def typed(value: Any, kind: Any, case_insensitive: bool) -> Any:
    """A JSON value as a Python value of an Arrow type. Raises ValueError or TypeError when it is none."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        fields = _object(value, case_insensitive)
        return {field.name: typed(fields.get(field.name), field.type, case_insensitive) for field in kind}
    if pa.types.is_list(kind):
        if not isinstance(value, list):
            raise TypeError(f"{value!r} is not an array")
        return [typed(item, kind.value_type, case_insensitive) for item in value]
    if pa.types.is_map(kind):
        items = _object(value, False).items()
        return [(typed(k, kind.key_type, False), typed(v, kind.item_type, case_insensitive)) for k, v in items]
    return _scalar(value, kind)


def _object(value: Any, case_insensitive: bool) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not an object")
    return {key.lower(): item for key, item in value.items()} if case_insensitive else value


def _scalar(value: Any, kind: Any) -> Any:
    if isinstance(value, (dict, list)) and not pa.types.is_string(kind):
        raise TypeError(f"{value!r} is not a {kind}")
    if pa.types.is_string(kind):
        return _text(value)
    if pa.types.is_boolean(kind):
        return _boolean(value)
    if pa.types.is_integer(kind):
        return int(str(value))
    if pa.types.is_floating(kind):
        return float(value)
    if pa.types.is_decimal(kind):
        try:
            return Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale))
        except InvalidOperation as error:
            raise ValueError(f"{value!r} is not a {kind}") from error
    if pa.types.is_date(kind):
        return date.fromisoformat(str(value))
    if pa.types.is_timestamp(kind):
        return _timestamp(value)
    return str(value).encode()


def _text(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, default=str)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise ValueError(f"{value!r} is not a boolean")


def _timestamp(value: Any) -> datetime:
    """Epoch seconds or milliseconds, or an ISO 8601 text, in UTC."""
    if isinstance(value, str) and not value.lstrip("-").replace(".", "", 1).isdigit():
        parsed = datetime.fromisoformat(value)
        return (parsed.astimezone(UTC) if parsed.tzinfo else parsed).replace(tzinfo=None)
    number = float(value)
    seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
