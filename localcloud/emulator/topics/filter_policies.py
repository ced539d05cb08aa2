"""What a subscription's filter policy may be. Pure.

https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html , …/numeric-value-matching.html
"""

import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Any

MAX_KEYS = 5
MAX_COMBINATIONS = 150
MAX_BYTES = 256 * 1024
SCOPES = ("MessageAttributes", "MessageBody")

_UPPER, _LOWER = ("<", "<="), (">", ">=")


class PolicyError(ValueError):
    """The policy is none; the message says why."""


def require_policy(text: str, scope: str) -> None:
    """Raise PolicyError unless the text is a filter policy of this scope."""
    try:
        policy = json.loads(text)
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        raise PolicyError("FilterPolicy: failed to parse JSON.")
    if len(text.encode()) > MAX_BYTES:
        raise PolicyError(f"FilterPolicy: Filter policy can not be larger than {MAX_BYTES} bytes")
    if len(policy) > MAX_KEYS:
        raise PolicyError(f"FilterPolicy: Filter policy can not have more than {MAX_KEYS} keys")
    if _combinations(policy, scope, depth=1) > MAX_COMBINATIONS:
        raise PolicyError("FilterPolicy: Filter policy is too complex")


def is_or(key: str, asked: Any) -> bool:
    """Whether a member is the OR operator: two policies or more, none of which has an operator's name for a key.

    https://docs.aws.amazon.com/sns/latest/dg/and-or-logic.html
    """
    return (
        key == "$or"
        and isinstance(asked, list)
        and len(asked) > 1
        and all(isinstance(one, dict) and not set(one) & set(_ARGUMENTS) for one in asked)
    )


def _combinations(policy: Mapping[str, Any], scope: str, depth: int) -> int:
    """The product over all leaves of the values and the depth; the members of an OR are added."""
    count = 1
    for key, asked in policy.items():
        if is_or(key, asked):
            count *= sum(_combinations(one, scope, depth) for one in asked)
        elif isinstance(asked, dict):
            if scope != "MessageBody":
                raise PolicyError("Filter policy scope MessageAttributes does not support nested filter policy")
            count *= _combinations(asked, scope, depth + 1)
        elif isinstance(asked, list):
            if not asked:
                raise PolicyError("FilterPolicy: Empty arrays are not allowed")
            for rule in asked:
                _require_rule(rule)
            count *= len(asked) * depth
        else:
            raise PolicyError(f'FilterPolicy: "{key}" must be an object or an array')
    return count


def _require_rule(rule: Any) -> None:
    if rule is None or isinstance(rule, str | bool | int | float):
        return
    if not isinstance(rule, dict):
        raise PolicyError("FilterPolicy: Match value must be String, number, true, false, or null")
    if len(rule) != 1:
        raise PolicyError("FilterPolicy: Only one key allowed in match expression")
    operator, argument = next(iter(rule.items()))
    if operator not in _ARGUMENTS:
        raise PolicyError(f"FilterPolicy: Unrecognized match type {operator}")
    _ARGUMENTS[operator](operator, argument)


def _require_text(operator: str, argument: Any) -> None:
    if not isinstance(argument, str):
        raise PolicyError(f"FilterPolicy: {operator} match pattern must be a string")


def _require_wildcard(operator: str, argument: Any) -> None:
    _require_text(operator, argument)
    if "**" in argument:
        raise PolicyError("FilterPolicy: Consecutive wildcard characters are not allowed")


def _require_boolean(operator: str, argument: Any) -> None:
    if not isinstance(argument, bool):
        raise PolicyError(f"FilterPolicy: {operator} match pattern must be either true or false.")


def _require_others(_operator: str, argument: Any) -> None:
    """Values, or one of the operators that can be negated."""
    if isinstance(argument, dict):
        for operator in argument:
            if operator not in ("prefix", "suffix", "wildcard"):
                raise PolicyError(f"FilterPolicy: Unsupported anything-but pattern: {operator}")
    for one in argument if isinstance(argument, list) else [argument]:
        _require_rule(one)


def _require_network(_operator: str, argument: Any) -> None:
    _require_text("prefix", argument)  # AWS names the wrong operator here
    address, slash, bits = argument.partition("/")
    if not slash or "/" in bits:
        raise PolicyError("FilterPolicy: Malformed CIDR, one '/' required")
    if not bits.isdigit():
        raise PolicyError("FilterPolicy: Malformed CIDR, mask bits must be an integer")
    try:
        ipaddress.ip_network(argument)
    except ValueError:
        raise PolicyError(f"FilterPolicy: Nonstandard IP address: {address}") from None


def _require_range(_operator: str, argument: Any) -> None:
    """One comparison, or a lower bound and then an upper one."""
    if not isinstance(argument, list) or not argument:
        raise PolicyError("FilterPolicy: Invalid member in numeric match: ]")
    sign = argument[0]
    if not isinstance(sign, str):
        raise PolicyError(f"FilterPolicy: Invalid member in numeric match: {sign}")
    if sign not in ("=", *_UPPER, *_LOWER):
        raise PolicyError(f"FilterPolicy: Unrecognized numeric range operator: {sign}")
    bottom = _number_after(sign, argument[1:])
    rest = argument[2:]
    if not rest:
        return
    if sign not in _LOWER:
        raise PolicyError("FilterPolicy: Too many elements in numeric expression")
    if not isinstance(rest[0], str):
        raise PolicyError(f"FilterPolicy: Bad value in numeric range: {rest[0]}")
    if rest[0] not in _UPPER:
        raise PolicyError(f"FilterPolicy: Bad numeric range operator: {rest[0]}")
    if _number_after(rest[0], rest[1:]) <= bottom:
        raise PolicyError("FilterPolicy: Bottom must be less than top")
    if len(rest) > 2:
        raise PolicyError("FilterPolicy: Too many terms in numeric range expression")


def _number_after(sign: str, rest: list[Any]) -> float:
    value = rest[0] if rest else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PolicyError(f"FilterPolicy: Value of {'equals' if sign == '=' else sign} must be numeric")
    return value


_ARGUMENTS: dict[str, Callable[[str, Any], None]] = {
    "anything-but": _require_others,
    "cidr": _require_network,
    "equals-ignore-case": _require_text,
    "exists": _require_boolean,
    "numeric": _require_range,
    "prefix": _require_text,
    "suffix": _require_text,
    "wildcard": _require_wildcard,
}
