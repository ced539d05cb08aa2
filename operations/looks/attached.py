"""Looks for what belongs to a table or a function: rows and permissions."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from operations.access import Account
from operations.looks.common import Inputs, Look, first


def _item(account: Account, inputs: Inputs) -> str | None:
    """The provider puts an item only where there is none of its key.

    https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/dynamodb/table_item.go
    """
    item, names = json.loads(inputs["item"]), [inputs[one] for one in ("hashKey", "rangeKey") if inputs.get(one)]
    values = [next(iter(item[name].items())) for name in names]
    key = {
        name: {kind: base64.b64decode(value) if kind == "B" else value}
        for name, (kind, value) in zip(names, values, strict=True)
    }
    found = account.client("dynamodb").get_item(TableName=inputs["tableName"], Key=key, ConsistentRead=True)
    return "|".join([inputs["tableName"], *names, *(value for _, value in values)]) if "Item" in found else None


def _permission(account: Account, inputs: Inputs) -> str | None:
    """Without an id of its own a statement gets a new one each time, and would be there twice."""
    asked = {
        "FunctionName": inputs["function"],
        **({"Qualifier": inputs["qualifier"]} if "qualifier" in inputs else {}),
    }
    statements = json.loads(account.client("lambda").get_policy(**asked)["Policy"])["Statement"]
    return first(f"{':'.join(asked.values())}/{one['Sid']}" for one in statements if _grants(one, inputs))


def _grants(statement: Mapping[str, Any], inputs: Inputs) -> bool:
    if "statementId" in inputs:
        return bool(statement["Sid"] == inputs["statementId"])
    principal = statement["Principal"]
    principals = principal.values() if isinstance(principal, Mapping) else [principal]
    conditions = statement.get("Condition", {}).values()
    sources = {value for one in conditions for key, value in one.items() if key.lower() == "aws:sourcearn"}
    return (
        statement["Action"] == inputs["action"]
        and any(inputs["principal"] in one for one in principals)
        and sources == {inputs[name] for name in ("sourceArn",) if name in inputs}
    )


ATTACHED: Mapping[str, Look] = {
    "aws:dynamodb/tableItem:TableItem": _item,
    "aws:lambda/permission:Permission": _permission,
}
