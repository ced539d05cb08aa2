"""Checks requests against their service's own model: required members, lengths, ranges, patterns and enumerations.

The limits are those of the API references, read from the models that boto3 ships, such as
https://docs.aws.amazon.com/firehose/latest/APIReference/API_CreateDeliveryStream.html. boto3 itself checks types, what
is required, and the least of a range; the rest is left to the service. `CHECKED` says which services are asked.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from localcloud.emulator.java_patterns import compiled
from localcloud.emulator.request_gate import Call, Response, before, json_error

# botocore's shapes; the library is imported with the first request, as it would be a third of the start-up time.
Shape = Any


@dataclass(frozen=True)
class Checked:
    """A service whose requests are checked: the name of its model, the error that it answers with, and the operations
    that carry data, which check themselves and are too many to be looked at twice.
    """

    model: str
    error: str
    data_operations: frozenset[str] = frozenset()


_KINESIS_DATA = frozenset({"GetRecords", "GetShardIterator", "PutRecord", "PutRecords", "SubscribeToShard"})

# By the emulator's names.
CHECKED: dict[str, Checked] = {
    "firehose": Checked("firehose", "ValidationException", frozenset({"PutRecord", "PutRecordBatch"})),
    "iam": Checked("iam", "ValidationError"),
    "kinesis": Checked("kinesis", "ValidationException", _KINESIS_DATA),
    "kms": Checked("kms", "ValidationException"),
    "logs": Checked("logs", "InvalidParameterException", frozenset({"PutLogEvents"})),
    "monitoring": Checked("cloudwatch", "ValidationError", frozenset({"PutMetricData"})),
}


@functools.cache
def model(service: str) -> Any:
    """botocore's model of a service, by the name that boto3 has for it."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def refusal(call: Call) -> Response | None:
    """The answer to a request that its service's model does not allow; None for one that it does."""
    checked, operation = CHECKED[call.service], call.action.partition(":")[2]
    described = model(checked.model)
    if operation in checked.data_operations or operation not in described.operation_names:
        return None
    shape = described.operation_model(operation).input_shape
    if shape is None:
        return None
    is_form = call.service == "iam"
    found = list(_check(shape, from_form(shape, _form(call)) if is_form else call.data, ""))
    if not found:
        return None
    return _form_error(checked.error, message(found)) if is_form else json_error(checked.error, message(found))


def violations(service: str, operation: str, request: Mapping[str, Any]) -> list[str]:
    """AWS's sentences for what a request has wrong, none when it fits the model; `service` as in boto3."""
    shape = model(service).operation_model(operation).input_shape
    return list(_check(shape, request, "")) if shape is not None else []


def from_form(shape: Shape, form: Mapping[str, Any], path: str = "") -> Any:
    """The parameters of a form (`Tags.member.1.Key=team`) in the structure that the model gives them."""
    if shape.type_name == "structure":
        below = f"{path}." if path else ""
        members = {name: from_form(member, form, below + name) for name, member in shape.members.items()}
        found = {name: value for name, value in members.items() if value is not None}
        return found if found or not path else None
    if shape.type_name == "list":
        items: list[Any] = []
        while (item := from_form(shape.member, form, f"{path}.member.{len(items) + 1}")) is not None:
            items.append(item)
        return items or None
    value = form.get(path)
    if value is not None and shape.type_name in ("integer", "long"):
        return int(value) if str(value).lstrip("-").isdecimal() else None
    if value is not None and shape.type_name in ("float", "double"):
        return float(value)
    if value is not None and shape.type_name == "boolean":
        return value == "true"
    return value


def _form(call: Call) -> dict[str, str]:
    """The members of a form; an empty one is there, such as the value of a tag."""
    query = {name: value[0] if isinstance(value, list) else str(value) for name, value in call.query_params.items()}
    return query | dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))


def _form_error(code: str, text: str) -> Response:
    from ministack.services import iam

    answer: Response = iam._error(400, code, text, ns="iam")
    return answer


def message(found: list[str]) -> str:
    """The message of the ValidationException that names these violations."""
    plural = "s" if len(found) > 1 else ""
    return f"{len(found)} validation error{plural} detected: {'; '.join(found)}"


def _check(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, Mapping):
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
    if pattern and not compiled(pattern).fullmatch(value):
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


def install() -> None:
    before(*CHECKED)(refusal)
