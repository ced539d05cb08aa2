"""Metric math: the value of an expression over time series. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html. Numbers, the names of other
queries, arithmetic, comparisons, AND, OR, and the functions of FUNCTIONS; everything else is refused by its name.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from statistics import fmean

# Values by the time at which their period begins, in seconds; a period without data has none.
Series = Mapping[int, float]
Value = Series | float


class MathError(ValueError):
    """An expression that cannot be evaluated."""


# The words of metric math that Python has otherwise.
_WORDS = {"&&": " and ", "||": " or ", "AND": "and", "OR": "or", "^": "**"}
_WORD = re.compile(r"&&|\|\||\bAND\b|\bOR\b|\^")
_OPERATORS: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.And: lambda one, other: bool(one) and bool(other),
    ast.Or: lambda one, other: bool(one) or bool(other),
}


def parse(expression: str) -> ast.expr:
    """The tree of an expression. Raises MathError."""
    try:
        tree = ast.parse(_WORD.sub(lambda word: _WORDS[word[0]], expression).strip(), mode="eval").body
    except SyntaxError:
        raise MathError(f"Error in expression '{expression}': it is no metric math.") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS):
            raise MathError(
                f"The local cloud does not know {ast.unparse(node.func)} of '{expression}', but {', '.join(FUNCTIONS)}."
            )
    return tree


def names(tree: ast.expr) -> set[str]:
    """The queries that an expression uses."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called} - {"REPEAT"}


def evaluate(tree: ast.expr, known: Mapping[str, Value], periods: Sequence[int]) -> Value:
    """The value of an expression; `periods` are the times that FILL fills. Raises MathError."""
    match tree:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _combined(operator.sub, 0.0, evaluate(operand, known, periods))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _combined(_OPERATORS[type(op)], evaluate(left, known, periods), evaluate(right, known, periods))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            return _combined(_OPERATORS[type(op)], evaluate(left, known, periods), evaluate(right, known, periods))
        case ast.BoolOp(op=op, values=values):
            found = evaluate(values[0], known, periods)
            for value in values[1:]:
                found = _combined(_OPERATORS[type(op)], found, evaluate(value, known, periods))
            return found
        case ast.Call(func=ast.Name(id="FILL"), args=[series, ast.Name(id="REPEAT")]):
            return _repeated(_series(evaluate(series, known, periods), periods), periods)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            given = [evaluate(argument, known, periods) for argument in arguments]
            try:
                return FUNCTIONS[name](periods, *given)
            except TypeError:
                raise MathError(f"{name} does not take these {len(given)} arguments.") from None
    raise MathError(f"'{ast.unparse(tree)}' is no metric math of these queries.")


def _combined(function: Callable[[float, float], float], one: Value, other: Value) -> Value:
    """Element by element; a time at which either has no value, or the result is none, has none."""
    if isinstance(one, float) and isinstance(other, float):
        return float(function(one, other))
    times = one if not isinstance(one, float) else other
    assert not isinstance(times, float)
    combined: dict[int, float] = {}
    for time in times:
        left = one if isinstance(one, float) else one[time]
        right = other if isinstance(other, float) else other.get(time)
        if right is not None:
            with suppress(ZeroDivisionError):
                combined[time] = float(function(left, right))
    return combined


def _series(value: Value, periods: Sequence[int]) -> Series:
    return dict.fromkeys(periods, value) if isinstance(value, float) else value


def _fill(periods: Sequence[int], series: Value, filler: Value) -> Value:
    """Every period has a value, also when the series has none at all."""
    return {**_series(filler, periods), **_series(series, periods)}


def _repeated(series: Series, periods: Sequence[int]) -> Series:
    filled, last = {}, None
    for time in periods:
        last = series.get(time, last)
        if last is not None:
            filled[time] = last
    return filled


def _if(periods: Sequence[int], condition: Value, then: Value, otherwise: Value | None = None) -> Value:
    yes, no = _series(then, periods), _series({} if otherwise is None else otherwise, periods)
    if isinstance(condition, float):
        return yes if condition else no
    chosen = {time: (yes if value else no).get(time) for time, value in condition.items()}
    return {time: value for time, value in chosen.items() if value is not None}


def _diff(_: Sequence[int], series: Value) -> Value:
    """The difference to the value before; the first value has none."""
    assert not isinstance(series, float)
    return {time: series[time] - series[before] for before, time in pairwise(sorted(series))}


def _reduced(function: Callable[[Sequence[float]], float]) -> Callable[..., Value]:
    def reduce(_: Sequence[int], series: Value) -> Value:
        assert not isinstance(series, float)
        return float(function([*series.values()])) if series else {}

    return reduce


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "FILL": _fill,
    "IF": _if,
    "DIFF": _diff,
    "AVG": _reduced(fmean),
    "MAX": _reduced(max),
    "MIN": _reduced(min),
    "SUM": _reduced(sum),
}
