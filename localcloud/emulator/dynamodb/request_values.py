"""What no value of a request may hold: attribute names of no length, and binaries that are not base64.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (attributes: "must be at least one
character long"), https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html (binaries).
The words are recorded ones, which the pages do not have.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ministack.core.responses import error_response_json

from localcloud.emulator.dynamodb.values import MODULE
from localcloud.emulator.patching import replaces

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

EMPTY_NAME = "Empty attribute name"
_CONTAINERS = ("Item", "Key", "ExclusiveStartKey")


def binary_problem(text: Any) -> str | None:
    """Why this is not the base64 text of a binary, in DynamoDB's words; None when it is."""
    if not isinstance(text, str):
        return None  # the emulator refuses other types
    if len(text) % 4:
        return f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(text)}"
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return "Invalid last non-pad Base64 character dectected"
    return None


def problems(value: Any) -> Iterator[tuple[str, str]]:
    """What is wrong in a value, in document order: error codes with their messages."""
    if not isinstance(value, dict) or len(value) != 1:
        return
    (kind, content), *_ = value.items()
    if kind in ("B", "BS"):
        for text in content if isinstance(content, list) else [content]:
            if (problem := binary_problem(text)) is not None:
                yield "SerializationException", problem
    elif kind == "M" and isinstance(content, dict):
        if "" in content:
            yield "ValidationException", EMPTY_NAME
        for one in content.values():
            yield from problems(one)
    elif kind == "L" and isinstance(content, list):
        for one in content:
            yield from problems(one)


def empty_alias(names: Any) -> str | None:
    """The message when an ExpressionAttributeNames entry stands for a name of no length."""
    if not isinstance(names, dict):
        return None
    alias = next((alias for alias, name in names.items() if name == ""), None)
    return None if alias is None else f"ExpressionAttributeNames contains invalid value: {EMPTY_NAME} for key {alias}"


def install() -> None:
    @replaces(MODULE, "_request_values", source="2fd5ec042ab8")
    def request_values(original: Callable[[Json], list[Any]], data: Json) -> list[Any]:
        """An item and a key are looked at as maps, so that their names are looked at too."""
        rest = {name: value for name, value in data.items() if name not in _CONTAINERS}
        wholes = [{"M": data[name]} for name in _CONTAINERS if isinstance(data.get(name), dict)]
        return [*wholes, *original(rest)]

    @replaces(MODULE, "_values_error_response", source="1993be33b639")
    def values_error(original: Callable[..., Answer | None], values: Iterable[Any], envelope: bool) -> Answer | None:
        every = list(values)
        for value in every:
            for code, message in problems(value):
                enveloped = envelope and code == "ValidationException"
                text = f"1 validation error detected: {message}" if enveloped else message
                refused: Answer = error_response_json(code, text, 400)
                return refused
        return original(every, envelope)

    @replaces(MODULE, "_validate_expression_attrs", source="5fa9b4350cde")
    def expression_attributes(
        original: Callable[..., Answer | None], data: Json, fields: tuple[str, ...], size_wording: Any = "figure"
    ) -> Answer | None:
        message = empty_alias(data.get("ExpressionAttributeNames"))
        return (
            error_response_json("ValidationException", message, 400)
            if message
            else original(data, fields, size_wording)
        )
