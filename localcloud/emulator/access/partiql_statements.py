"""What a PartiQL statement asks for: PartiQLSelect, Insert, Update or Delete on the table or the index that it names.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html. The operations that carry statements are
no actions themselves.
"""

from collections.abc import Mapping
from typing import Any

_STATEMENTS = {
    "dynamodb:ExecuteStatement": "",
    "dynamodb:BatchExecuteStatement": "Statements",
    "dynamodb:ExecuteTransaction": "TransactStatements",
}
_ACTIONS = {kind.upper(): f"dynamodb:PartiQL{kind}" for kind in ("Select", "Insert", "Update", "Delete")}
_ACTIONS["EXISTS"] = _ACTIONS["SELECT"]


def asked(operation: str, data: Mapping[str, Any], region: str, account_id: str) -> list[tuple[str, str]]:
    """Each action with the ARN of its table or index, once; none for other operations and for what cannot be read."""
    if operation not in _STATEMENTS:
        return []
    member = _STATEMENTS[operation]
    statements = data.get(member) or [] if member else [data]
    found = [_of_statement(one, region, account_id) for one in statements if isinstance(one, Mapping)]
    return list(dict.fromkeys(one for one in found if one is not None))


def _of_statement(statement: Mapping[str, Any], region: str, account_id: str) -> tuple[str, str] | None:
    from ministack.services import dynamodb

    try:
        parsed = dynamodb._parse_partiql(statement.get("Statement") or "", statement.get("Parameters") or [])
    except (ValueError, TypeError):
        return None  # refused when it is executed
    action = _ACTIONS.get(parsed["op"])
    target = parsed.get("select") or parsed
    if action is None or not target.get("table"):
        return None
    index = f"/index/{target['index']}" if target.get("index") else ""
    return action, f"arn:aws:dynamodb:{region}:{account_id}:table/{target['table']}{index}"
