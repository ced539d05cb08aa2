"""Evaluates filter criteria: which records a mapping sends to its function. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html , …/with-kinesis-filtering.html ,
…/with-ddb-filtering.html , …/with-sqs-filtering.html
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Pattern = Mapping[str, Any]

_MISSING = object()
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, limit: value == limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
}


def wanted(event: Mapping[str, Any], patterns: Sequence[Pattern]) -> bool:
    """Whether a record's event matches one of the patterns; without patterns everything does."""
    if not patterns:
        return True
    document = filtered_form(event)
    return any(matches(document, pattern) for pattern in patterns)


def filtered_form(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """What patterns are held against.

    For Kinesis the metadata, and `data` decoded and, when it is JSON, parsed; for SQS `body`, parsed when it is JSON.
    """
    if event.get("eventSource") == "aws:sqs":
        return {**event, "body": _parsed(event["body"].encode())}
    if "kinesis" not in event:
        return event
    kinesis = event["kinesis"]
    return {**event, **kinesis, "data": _parsed(base64.b64decode(kinesis["data"]))}


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")


def matches(document: Any, pattern: Pattern) -> bool:
    """Whether a document has everything that a pattern asks for."""
    for key, asked in pattern.items():
        if key == "$or" and isinstance(asked, list):
            if not any(matches(document, one) for one in asked):
                return False
            continue
        value = document.get(key, _MISSING) if isinstance(document, Mapping) else _MISSING
        if isinstance(asked, Mapping):
            if not _nested(value, asked):
                return False
        else:
            leaves = list(_leaves(value))
            if not any(_rule(leaves, rule) for rule in asked):
                return False
    return True


def _nested(value: Any, asked: Pattern) -> bool:
    if isinstance(value, list):
        return any(_nested(one, asked) for one in value)
    # What is missing can still match a pattern that asks for absence.
    return matches(value, asked)


def _rule(leaves: Sequence[Any], rule: Any) -> bool:
    """Whether the leaves of a value match one rule; an array matches when one of its elements does."""
    if isinstance(rule, Mapping) and "exists" in rule:
        return bool(leaves) is rule["exists"]
    if isinstance(rule, Mapping) and "anything-but" in rule:
        return bool(leaves) and all(_operator(leaf, rule) for leaf in leaves)
    test = _operator if isinstance(rule, Mapping) else _same
    return any(test(leaf, rule) for leaf in leaves)


def _leaves(value: Any) -> Iterator[Any]:
    """Arrays in arrays count by their elements, as AWS's own matcher has it: https://github.com/aws/event-ruler"""
    if isinstance(value, list):
        for element in value:
            yield from _leaves(element)
    elif value is not _MISSING and not isinstance(value, Mapping):
        yield value


def _operator(value: Any, rule: Mapping[str, Any]) -> bool:
    name, argument = next(iter(rule.items()))
    match name:
        case "prefix":
            return isinstance(value, str) and value.startswith(argument)
        case "suffix":
            return isinstance(value, str) and value.endswith(argument)
        case "equals-ignore-case":
            return isinstance(value, str) and value.lower() == argument.lower()
        case "anything-but":
            if isinstance(argument, Mapping):
                return not _operator(value, argument)
            banned = argument if isinstance(argument, list) else [argument]
            return not any(_same(value, one) for one in banned)
        case "numeric":
            return _is_number(value) and all(
                _COMPARISONS[sign](value, limit) for sign, limit in zip(argument[::2], argument[1::2], strict=True)
            )
        case _:
            return False


def _same(value: Any, rule: Any) -> bool:
    """Equality in which 1 is not true and "1" is not 1."""
    if _is_number(rule):
        return _is_number(value) and bool(value == rule)
    return type(value) is type(rule) and bool(value == rule)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def problem_of(pattern_text: Any) -> str | None:
    """Why a pattern is no filter pattern, or None."""
    try:
        pattern = json.loads(pattern_text)
    except (TypeError, ValueError):
        return "it is not JSON"
    return (
        None if isinstance(pattern, dict) and _is_pattern(pattern) else "its leaves must be arrays of values and rules"
    )


def _is_pattern(pattern: Mapping[str, Any]) -> bool:
    for key, asked in pattern.items():
        if key == "$or" and isinstance(asked, list):
            if not asked or not all(isinstance(one, Mapping) and _is_pattern(one) for one in asked):
                return False
        elif isinstance(asked, Mapping):
            if not _is_pattern(asked):
                return False
        elif not isinstance(asked, list) or not asked or not all(_is_rule(rule) for rule in asked):
            return False
    return True


def _is_rule(rule: Any) -> bool:
    if not isinstance(rule, Mapping):
        return not isinstance(rule, list)
    if len(rule) != 1:
        return False
    name, argument = next(iter(rule.items()))
    match name:
        case "exists":
            return isinstance(argument, bool)
        case "prefix" | "suffix" | "equals-ignore-case":
            return isinstance(argument, str)
        case "anything-but":
            return not isinstance(argument, Mapping) or _is_rule(argument)
        case "numeric":
            pairs = isinstance(argument, list) and argument and len(argument) % 2 == 0
            return bool(pairs) and all(
                sign in _COMPARISONS and _is_number(limit)
                for sign, limit in zip(argument[::2], argument[1::2], strict=True)
            )
        case _:
            return False
