"""JSON documents compared by meaning: AWS returns policies reordered, and lists of one item as the item."""

import json
import re
from typing import Any

_ROOT = re.compile(r"^arn:aws[\w-]*:iam::(\d{12}):root$")


def canonical(text: Any) -> Any:
    """The meaning of a JSON document as a value that equals that of every equivalent document.

    IAM policies are recognised by their `Statement`: there one item equals a list of it, the order of lists says
    nothing, and an account's root ARN equals its number
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).
    A text that is not JSON stands for itself.
    """
    document = _parse(text)
    if isinstance(document, dict) and "Statement" in document:
        return _policy(document)
    return document


def _parse(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _policy(policy: dict[str, Any]) -> dict[str, Any]:
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    return {**policy, "Statement": _sorted([_statement(statement) for statement in statements])}


def _statement(statement: Any) -> Any:
    if not isinstance(statement, dict):
        return statement
    return {key: _element(key, value) for key, value in statement.items() if (key, value) != ("Sid", "")}


def _element(key: str, value: Any) -> Any:
    if key in ("Principal", "NotPrincipal"):
        principals = {"AWS": ["*"]} if value == "*" else value
        return {kind: _sorted([_principal(item) for item in _list(ids)]) for kind, ids in principals.items()}
    if key in ("Action", "NotAction"):
        return _sorted([str(item).lower() for item in _list(value)])
    if key == "Condition" and isinstance(value, dict):
        return {operator: _condition(block) for operator, block in value.items()}
    return (
        _sorted(value) if isinstance(value, list) else [value] if isinstance(value, str) and key != "Effect" else value
    )


def _condition(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    return {key: _sorted([_condition_value(item) for item in _list(value)]) for key, value in block.items()}


def _condition_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _principal(principal: Any) -> Any:
    root = _ROOT.match(principal) if isinstance(principal, str) else None
    return root.group(1) if root else principal


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _sorted(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True, default=str))
