"""Which messages a subscription's filter policy lets through. Pure.

https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html , …/numeric-value-matching.html ,
…/attribute-key-matching.html
"""

import ipaddress
import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localcloud.emulator.message_rules import Attributes
from localcloud.emulator.topics.filter_policies import is_or

# By name, or by path with dots: every value that is found there.
Values = Mapping[str, Sequence[Any]]


def lets_through(policy: Mapping[str, Any], scope: str, attributes: Attributes, body: str) -> bool:
    """Whether a policy of this scope lets a message through; a body that is no JSON object it never does."""
    if scope != "MessageBody":
        return _matches(policy, values_of_attributes(attributes))
    try:
        document = json.loads(body)
    except ValueError:
        return False
    return isinstance(document, dict) and _matches(policy, values_of_body(document))


def values_of_attributes(attributes: Attributes) -> Values:
    """Texts, numbers and the elements of arrays; binary attributes are not compared."""
    values: dict[str, Sequence[Any]] = {}
    for name, attribute in attributes.items():
        kind, text = attribute.get("DataType", ""), attribute.get("StringValue", "")
        if kind.startswith("Binary"):
            continue
        if kind == "String.Array":
            values[name] = _elements(text)
        else:
            values[name] = [float(text)] if kind.startswith("Number") else [text]
    return values


def values_of_body(document: Mapping[str, Any]) -> Values:
    """The leaves of a JSON object by path.

    Recorded on AWS, and not documented: a name with dots and nested names are one path, and the elements of an array
    are all at the array's own path, so that a rule for a member of objects in an array finds each of them.
    """
    values: dict[str, list[Any]] = defaultdict(list)

    def collect(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for key, member in value.items():
                collect(member, f"{path}.{key}" if path else key)
        elif isinstance(value, list):
            for element in value:
                collect(element, path)
        else:
            values[path].append(value)

    collect(document, "")
    return values


def _elements(text: str) -> Sequence[Any]:
    try:
        elements = json.loads(text)
    except ValueError:
        return [text]
    return elements if isinstance(elements, list) else [elements]


def _matches(policy: Mapping[str, Any], values: Values, path: str = "") -> bool:
    for key, asked in policy.items():
        inner = f"{path}.{key}" if path else key
        if is_or(key, asked):
            found = any(_matches(one, values, path) for one in asked)
        elif isinstance(asked, dict):
            found = _matches(asked, values, inner)
        else:
            found = any(_rule(rule, values.get(inner, ()), bool(values)) for rule in asked)
        if not found:
            return False
    return True


def _rule(rule: Any, values: Sequence[Any], any_value: bool) -> bool:
    """Whether one of the values matches. `{"exists": false}` needs a message with something else to compare."""
    if isinstance(rule, dict) and "exists" in rule:
        return bool(values) if rule["exists"] else any_value and not values
    return any(_value(rule, value) for value in values)


def _value(rule: Any, value: Any) -> bool:
    if not isinstance(rule, dict):
        return _same(rule, value)
    operator, argument = next(iter(rule.items()))
    return _OPERATORS[operator](argument, value)


def _same(rule: Any, value: Any) -> bool:
    """Equality in which 1 is not true and "1" is not 1."""
    if _is_number(rule):
        return _is_number(value) and bool(rule == value)
    return type(rule) is type(value) and bool(rule == value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_text(matches: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda argument, value: isinstance(value, str) and matches(argument, value)


def _none_of(argument: Any, value: Any) -> bool:
    """Values of another kind than the excluded ones are let through, null is not."""
    if isinstance(argument, dict):
        return isinstance(value, str) and not _value(argument, value)
    excluded = argument if isinstance(argument, list) else [argument]
    return value is not None and not any(_same(one, value) for one in excluded)


def _in_range(argument: Sequence[Any], value: Any) -> bool:
    pairs = zip(argument[::2], argument[1::2], strict=True)
    return _is_number(value) and all(_COMPARISONS[sign](value, limit) for sign, limit in pairs)


def _in_network(argument: str, value: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(argument)
    except ValueError:
        return False


def _like(argument: str, value: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, argument.split("*"))), value, re.DOTALL) is not None


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, limit: value == limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "anything-but": _none_of,
    "cidr": _of_text(_in_network),
    "equals-ignore-case": _of_text(lambda argument, value: argument.lower() == value.lower()),
    "numeric": _in_range,
    "prefix": _of_text(lambda argument, value: value.startswith(argument)),
    "suffix": _of_text(lambda argument, value: value.endswith(argument)),
    "wildcard": _of_text(_like),
}
