"""A row of the mapping table: one target of one source, with the schema of aws-lambda-fanout and a few options more.

The table has the hash key `sourceArn` and the range key `id`. What each option means is in OPTIONS; what the original
documents counts, not what it did. Attributes that are not there belong to the kind of target (`Row.options`).
https://github.com/aws-samples/aws-lambda-fanout#configuration-entries
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from handlers.fan_out.contract import WrongRowError

__all__ = ["COLLAPSES", "OPTIONS", "ORDERS", "Option", "Row", "item_of", "row_of", "stream_arn"]

Item = Mapping[str, Mapping[str, Any]]  # DynamoDB JSON: {"id": {"S": "target1"}}
Value = str | bool | int | float

COLLAPSES: Final = ("none", "JSON", "concat", "concat-b64")
ORDERS: Final = ("key", "none")
# Calls under way at once, with `parallel` as the original has them.
PARALLEL_CALLS = 2
MAX_CALLS = 64
DAY_S = 86_400
# What is not delivered after that goes to the on-failure bucket: backlogs are kept no longer.
MAX_RETRY_S = 14 * DAY_S

_PARTITION_REGION_ACCOUNT = r"arn:aws[a-z-]*:%s:[a-z]{2}[a-z0-9-]*:\d{12}"
_STREAM = _PARTITION_REGION_ACCOUNT % "kinesis" + r":stream/[\w.-]{1,128}"
_TABLE = _PARTITION_REGION_ACCOUNT % "dynamodb" + r":table/[\w.-]{3,255}"
_CONSUMER = _STREAM + r"/consumer/[\w.-]+:\d+"


class Row(NamedTuple):
    """A target. `collapse` counts only where messages can be joined, `passthrough` only for Lambda targets.

    Attributes
    ----------
    filter
        Text of one filter pattern, or of a JSON array of them; see handlers.fan_out.filters.
    transform
        JMESPath expression that makes the data from the data.
    max_concurrency
        Calls under way at once; None: as `parallel` says.
    retry_seconds
        How long a message may wait in the backlog.
    order
        `key` or `none`; None: as `parallel` and the target say.
    declared
        Whether a stack file made the row, which then must not be changed here.
    options
        What else the row says, for the kind of target.
    """

    source_arn: str
    id: str
    type: str
    destination: str
    active: bool
    options: Mapping[str, Value]
    role: str | None = None
    external_id: str | None = None
    region: str | None = None
    collapse: str = "JSON"
    parallel: bool = True
    convert_ddb: bool = False
    deaggregate: bool = False
    append_newlines: bool = False
    passthrough: bool = False
    filter: str | None = None
    transform: str | None = None
    envelope: bool = False
    max_concurrency: int | None = None
    retry_seconds: int = DAY_S
    order: str | None = None
    declared: bool = False

    @property
    def calls(self) -> int:
        """How many calls may be under way at once."""
        return self.max_concurrency or (PARALLEL_CALLS if self.parallel else 1)

    def ordered(self, by_target: bool) -> bool:
        """Whether messages of one partition key keep their order; `by_target`: the target itself keeps one."""
        return (by_target or not self.parallel) if self.order is None else self.order == "key"


class Option(NamedTuple):
    """An option of a row: its field, its type in DynamoDB, what it must be in words, and the check of its value.

    The check returns whether the value is right, or raises ValueError with what is wrong."""

    field: str
    kind: str
    right: str
    check: Callable[[Any], bool] = lambda _value: True
    required: bool = False


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(pattern, text, re.ASCII) is not None


def _whole(lowest: int, highest: int) -> Callable[[Value], bool]:
    return lambda number: isinstance(number, int) and lowest <= number <= highest


def _is_filter(text: str) -> bool:
    # As below: only for those who use it.
    from handlers.fan_out import filters

    filters.compiled(text)
    return True


def _is_transform(text: str) -> bool:
    # It comes with boto3, and takes a while to import: only for those who use it.
    import jmespath

    try:
        jmespath.compile(text)
    except jmespath.exceptions.JMESPathError as error:
        raise ValueError(" ".join(str(error).split())) from None
    return True


_STREAM_ARNS = "the ARN of a Kinesis stream, of a table or of a table's stream"
# Of an external id and a role: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
OPTIONS: Mapping[str, Option] = {
    "sourceArn": Option("source_arn", "S", _STREAM_ARNS, _matches(f"{_STREAM}|{_TABLE}(/stream/[\\w.:-]+)?"), True),
    # It is in keys of S3 objects and of items, and a dimension of metrics.
    "id": Option("id", "S", "1 to 128 printable ASCII characters but / and #", _matches(r"[ -\"$-.0-~]{1,128}"), True),
    "type": Option("type", "S", "the type of the target, such as sqs", bool, True),
    "destination": Option("destination", "S", "the target's address", bool, True),
    "active": Option("active", "BOOL", "true or false", required=True),
    "role": Option(
        "role",
        "S",
        "the ARN of an IAM role, like arn:aws:iam::999999999999:role/fanout-target1",
        _matches(r"arn:aws[a-z-]*:iam::\d{12}:role/[!-~]{1,576}"),
    ),
    "externalId": Option(
        "external_id", "S", "2 to 1224 letters, digits and + = , . @ : / _ -", _matches(r"[\w+=,.@:/-]{2,1224}")
    ),
    "region": Option("region", "S", "a Region, like eu-west-1", _matches(r"[a-z]{2}(-[a-z]+)+-\d+")),
    "collapse": Option("collapse", "S", f"one of {', '.join(COLLAPSES)}", COLLAPSES.__contains__),
    "parallel": Option("parallel", "BOOL", "true or false"),
    "convertDDB": Option("convert_ddb", "BOOL", "true or false"),
    "deaggregate": Option("deaggregate", "BOOL", "true or false"),
    "appendNewlines": Option("append_newlines", "BOOL", "true or false"),
    "passthrough": Option("passthrough", "BOOL", "true or false"),
    "filter": Option("filter", "S", 'a filter pattern like {"data": {"country": ["IE"]}}, or an array', _is_filter),
    "transform": Option("transform", "S", "a JMESPath expression like {user: user.id, page: url}", _is_transform),
    "envelope": Option("envelope", "BOOL", "true or false"),
    "maxConcurrency": Option("max_concurrency", "N", f"a whole number from 1 to {MAX_CALLS}", _whole(1, MAX_CALLS)),
    "retrySeconds": Option("retry_seconds", "N", f"whole seconds from 0 to {MAX_RETRY_S}", _whole(0, MAX_RETRY_S)),
    "order": Option("order", "S", f"one of {', '.join(ORDERS)}", ORDERS.__contains__),
    "declared": Option("declared", "BOOL", "true or false"),
}
_SPELLINGS = {name.lower(): name for name in OPTIONS}


def row_of(item: Item) -> Row:
    """The row that an item of the table is. Raises WrongRowError for the first option that is wrong."""
    fields: dict[str, Any] = {}
    for name, option in OPTIONS.items():
        attribute = item.get(name, {"NULL": True})
        if "NULL" not in attribute:
            fields[option.field] = _checked(name, option, attribute)
        elif option.required:
            raise WrongRowError(name, f"{name} is missing; it must be {option.right}")
    if "external_id" in fields and "role" not in fields:
        raise WrongRowError("externalId", "externalId is given without role; name the role that asks for it, or none")
    return Row(options=_own_options(item), **fields)


def _checked(name: str, option: Option, attribute: Mapping[str, Any]) -> Any:
    value = value_of(attribute)
    kind = next(iter(attribute), "")
    if kind != option.kind:
        raise WrongRowError(name, f"{name} is {_shown(value)} of type {kind}; it must be {option.kind}: {option.right}")
    problem = ""
    try:
        right = option.check(value)
    except ValueError as error:
        right, problem = False, f": {error}"
    if not right:
        hint = f" (the stream's own ARN, {stream_arn(value)})" if _is_consumer(name, value) else ""
        raise WrongRowError(name, f"{name} is {_shown(value)}{problem}; it must be {option.right}{hint}")
    return value


def _own_options(item: Item) -> dict[str, Value]:
    """What the row says beyond OPTIONS. An option in another spelling would do nothing, in silence."""
    own = {name: value_of(attribute) for name, attribute in item.items() if name not in OPTIONS}
    for name in own:
        if right := _SPELLINGS.get(name.lower().replace("-", "").replace("_", "")):
            raise WrongRowError(name, f"{name} is no option; it must be spelt {right}")
    return own


def value_of(attribute: Mapping[str, Any]) -> Any:
    """The value of an attribute, numbers as int or float."""
    kind, value = next(iter(attribute.items()), ("", None))
    if kind != "N":
        return value
    number = Decimal(str(value))
    return int(number) if number == number.to_integral_value() else float(number)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _is_consumer(name: str, value: Any) -> bool:
    return name == "sourceArn" and re.fullmatch(_CONSUMER, value, re.ASCII) is not None


def stream_arn(arn: str) -> str:
    """The ARN of the Kinesis stream whose consumer `arn` is; any other ARN as it is.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesis.html
    """
    return arn.partition("/consumer/")[0]


def item_of(options: Mapping[str, Value]) -> dict[str, dict[str, Any]]:
    """The item that a row's options make, by their names in the table; `row_of` reads it."""
    return {name: _attribute(value) for name, value in options.items()}


def _attribute(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": str(value)}
    return {"S": value}
