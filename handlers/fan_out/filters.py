"""Filter patterns, in the language of Lambda's event source mappings.

| rule | matches |
|---|---|
| `"IE"`, `7`, `true`, `null`, `""` | that value |
| `{"equals-ignore-case": "ie"}` | the text in any case |
| `{"prefix": "a"}`, `{"suffix": "z"}` | how the text begins or ends |
| `{"anything-but": ["IE", "FR"]}` | a value that is none of these; also of a prefix, a suffix or a case |
| `{"numeric": [">", 1, "<=", 9]}` | a number in that range |
| `{"exists": true}` | whether there is a value that is no object |

A leaf holds an array of rules, one of which must match; all leaves must, and one of the patterns in `"$or": [ … ]`.
Where the record has an array, one of its elements must match; an array in it counts by its elements.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import eq, ge, gt, le, lt
from typing import Any

__all__ = ["Filter", "compiled"]

Filter = Callable[[Mapping[str, Any]], bool]
Rule = Callable[[Any], bool]
OnLeaves = Callable[[Sequence[Any]], bool]

# What a record does not have.
MISSING = object()
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {"=": eq, ">": gt, ">=": ge, "<": lt, "<=": le}
# On text. Each is a rule of its own, and can be the argument of `anything-but`.
_ON_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "prefix": str.startswith,
    "suffix": str.endswith,
    "equals-ignore-case": lambda text, asked: text.lower() == asked.lower(),
}


@lru_cache(maxsize=1024)
def compiled(text: str) -> Filter:
    """The filter of a pattern, or of a JSON array of patterns of which one must match.

    Raises ValueError that says where the text is no pattern.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    return _any_of(found, "the filter") if isinstance(found, list) else _pattern(found, "")


def _any_of(patterns: Sequence[Any], where: str) -> Filter:
    if not patterns:
        raise ValueError(f"{where} has no pattern")
    tests = [_pattern(pattern, "") for pattern in patterns]
    return lambda document: any(test(document) for test in tests)


def _pattern(pattern: Any, path: str) -> Filter:
    if not isinstance(pattern, dict) or not pattern:
        raise ValueError(f"{path or 'the pattern'} must be an object with names in it")
    tests = [_member(name, asked, f"{path}.{name}" if path else name) for name, asked in pattern.items()]
    return lambda document: all(test(document) for test in tests)


def _member(name: str, asked: Any, path: str) -> Filter:
    if name == "$or" and isinstance(asked, list):
        return _any_of(asked, path)
    if isinstance(asked, dict):
        inner = _inside(_pattern(asked, path))
        return lambda document: inner(_get(document, name))
    if not isinstance(asked, list) or not asked:
        raise ValueError(f"{path} must be an array of values and rules, or an object")
    rules = [_rule(rule, path) for rule in asked]

    def test(document: Mapping[str, Any]) -> bool:
        leaves = _leaves(_get(document, name))
        return any(rule(leaves) for rule in rules)

    return test


def _get(document: Any, name: str) -> Any:
    return document.get(name, MISSING) if isinstance(document, Mapping) else MISSING


def _inside(test: Filter) -> Rule:
    """Holds the pattern against each element of an array. What is missing may match: a pattern can ask for absence."""
    return lambda value: any(map(_inside(test), value)) if isinstance(value, list) else test(value)


def _rule(rule: Any, path: str) -> OnLeaves:
    if isinstance(rule, list):
        raise ValueError(f"{path} has an array in its array of rules")
    if not isinstance(rule, dict):
        return _of_any_leaf(lambda value: _same(value, rule))
    if len(rule) != 1:
        raise ValueError(f'{path}: a rule is an object with one name, such as {{"prefix": "a"}}')
    ((name, argument),) = rule.items()
    if name == "exists" and isinstance(argument, bool):
        return lambda leaves: bool(leaves) is argument
    if name == "anything-but":
        unwanted = _unwanted(argument, path)
        return lambda leaves: bool(leaves) and not any(map(unwanted, leaves))
    if name == "numeric":
        return _of_any_leaf(_numeric(argument, path))
    return _of_any_leaf(_on_text(name, argument, path))


def _of_any_leaf(test: Rule) -> OnLeaves:
    return lambda leaves: any(map(test, leaves))


def _leaves(value: Any) -> Sequence[Any]:
    """The values that rules are held against: of an array its elements', however deep; an object is none."""
    if isinstance(value, list):
        return [leaf for element in value for leaf in _leaves(element)]
    return () if value is MISSING or isinstance(value, Mapping) else (value,)


def _on_text(name: str, argument: Any, path: str) -> Rule:
    if name not in _ON_TEXT or not isinstance(argument, str):
        known = ", ".join(("exists", "anything-but", "numeric", *_ON_TEXT))
        raise ValueError(f"{path}: {name} with {json.dumps(argument)} is no rule; there are {known}")
    test = _ON_TEXT[name]
    return lambda value: isinstance(value, str) and test(value, argument)


def _unwanted(argument: Any, path: str) -> Rule:
    if isinstance(argument, dict) and len(argument) == 1:
        ((name, inner),) = argument.items()
        return _on_text(name, inner, path)
    values = argument if isinstance(argument, list) else [argument]
    if not values or any(isinstance(value, list | dict) for value in values):
        raise ValueError(f"{path}: anything-but takes a value, an array of values, or a rule on text")
    return lambda value: any(_same(value, one) for one in values)


def _numeric(argument: Any, path: str) -> Rule:
    pairs = list(zip(argument[::2], argument[1::2], strict=False)) if isinstance(argument, list) else []
    well_formed = all(isinstance(sign, str) and sign in _COMPARISONS and _is_number(limit) for sign, limit in pairs)
    if not pairs or not well_formed or len(argument) % 2:
        raise ValueError(f'{path}: numeric takes comparisons and numbers in turn, such as [">", 1, "<=", 9]')
    tests = [(_COMPARISONS[sign], limit) for sign, limit in pairs]
    return lambda value: _is_number(value) and all(compare(value, limit) for compare, limit in tests)


def _same(value: Any, asked: Any) -> bool:
    """Equality in which 1 is neither true nor "1"."""
    if _is_number(asked):
        return _is_number(value) and bool(value == asked)
    return type(value) is type(asked) and bool(value == asked)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
