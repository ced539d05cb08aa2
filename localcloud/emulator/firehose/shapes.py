"""Checks a request against the service's own model: required members, lengths, ranges, patterns and enumerations.

The limits are those of the API reference, read from the model that boto3 ships.
https://docs.aws.amazon.com/firehose/latest/APIReference/API_CreateDeliveryStream.html
"""

import functools
import re
from collections.abc import Iterator
from typing import Any

# botocore's shapes; the library is imported with the first request, as it would be a third of the start-up time.
Shape = Any


@functools.cache
def _model() -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("firehose", "service-2"), "firehose")


def violations(operation: str, request: dict[str, Any]) -> list[str]:
    """AWS's sentences for what the request has wrong, none when it fits the model."""
    shape = _model().operation_model(operation).input_shape
    return list(_check(shape, request, "")) if shape is not None else []


def message(found: list[str]) -> str:
    """The message of the ValidationException that names these violations."""
    plural = "s" if len(found) > 1 else ""
    return f"{len(found)} validation error{plural} detected: {'; '.join(found)}"


def _check(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in shape.required_members:
            if value.get(name) is None:
                yield _violation(None, _join(path, name), "Member must not be null")
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _check(member, value[name], _join(path, name))
    elif shape.type_name == "list" and isinstance(value, list):
        yield from _range(shape, len(value), value, path, "length")
        for index, item in enumerate(value, start=1):
            yield from _check(shape.member, item, f"{path}.{index}.member")
    elif shape.type_name == "string" and isinstance(value, str):
        yield from _string(shape, value, path)
    elif shape.type_name in ("integer", "long", "double") and isinstance(value, (int, float)):
        yield from _range(shape, value, value, path, "value")


def _string(shape: Shape, value: str, path: str) -> Iterator[str]:
    yield from _range(shape, len(value), value, path, "length")
    pattern, allowed = shape.metadata.get("pattern"), shape.metadata.get("enum")
    if pattern and not re.fullmatch(pattern, value, re.DOTALL):
        yield _violation(value, path, f"Member must satisfy regular expression pattern: {pattern}")
    if allowed and value not in allowed:
        yield _violation(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")


def _range(shape: Shape, measure: float, value: Any, path: str, what: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and measure < low:
        yield _violation(value, path, f"Member must have {what} greater than or equal to {low}")
    if high is not None and measure > high:
        yield _violation(value, path, f"Member must have {what} less than or equal to {high}")


def _join(path: str, name: str) -> str:
    member = name[0].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _violation(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"
