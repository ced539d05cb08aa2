"""dynamodb:LeadingKeys: the partition keys that a request names, by which a policy gives a principal some items only.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator.patching import replaces
from localcloud.emulator.request_gate import outline, parsed_body

Data = Mapping[str, Any]

_EQUALITY = re.compile(r"([#\w.-]+)\s*=\s*(:\w+)")


def partition_key(key_schema: list[dict[str, str]]) -> str | None:
    """The name of the partition key of a key schema."""
    return next((part["AttributeName"] for part in key_schema if part["KeyType"] == "HASH"), None)


def _stored_partition_key(table_name: str, index_name: str | None) -> str | None:
    from ministack.services import dynamodb

    parts = table_name.split(":", 5)
    account_id, region = (parts[4], parts[3]) if len(parts) == 6 else (get_account_id(), get_region())
    table = dynamodb._tables.get_scoped(account_id, region, table_name.rsplit("table/", 1)[-1]) or {}
    indexes = [*(table.get("GlobalSecondaryIndexes") or []), *(table.get("LocalSecondaryIndexes") or [])]
    schemas = {None: table.get("KeySchema") or [], **{index["IndexName"]: index["KeySchema"] for index in indexes}}
    return partition_key(schemas.get(index_name, []))


def _requests(data: Data) -> Iterator[tuple[str, Data]]:
    """Every table that a request names, with what it asks of it (Item, Key, Keys or key conditions)."""
    if isinstance(data.get("TableName"), str):
        yield data["TableName"], data
    for table, wanted in (data.get("RequestItems") or {}).items():
        if isinstance(wanted, dict):
            yield table, wanted
        else:
            for entry in wanted:
                yield from ((table, part) for part in entry.values())
    for entry in data.get("TransactItems") or []:
        yield from ((part["TableName"], part) for part in entry.values() if part.get("TableName"))


def _queried(request: Data, name: str) -> Iterator[Any]:
    conditions = request.get("KeyConditions") or {}
    if name in conditions:
        yield from conditions[name].get("AttributeValueList") or []
    names, values = request.get("ExpressionAttributeNames") or {}, request.get("ExpressionAttributeValues") or {}
    for left, right in _EQUALITY.findall(str(request.get("KeyConditionExpression") or "")):
        if names.get(left, left) == name:
            yield values.get(right)


def leading_keys(data: Data, key_of: Callable[[str, str | None], str | None]) -> list[str]:
    """The partition key values of a request in order, as text; `key_of(table, index)` names the partition key.

    Empty when the request names no key, as a scan does: the condition key is then absent.
    """
    found: list[Any] = []
    for table, request in _requests(data):
        name = key_of(table, request.get("IndexName"))
        if name is None:
            continue
        keys = [request.get("Item"), request.get("Key"), *(request.get("Keys") or [])]
        found += [key[name] for key in keys if isinstance(key, dict) and name in key]
        found += _queried(request, name)
    values = [next(iter(value.values()), None) for value in found if isinstance(value, dict)]
    return list(dict.fromkeys(str(value) for value in values if value is not None))


def install() -> None:
    """Give DynamoDB requests their leading keys."""

    @replaces("ministack.core.iam_actions", "dynamodb_service_context", source="0f0021bdc8a3")
    def with_leading_keys(original: Callable[[bytes], dict[str, Any]], body: bytes) -> dict[str, Any]:
        context = original(outline(body))
        keys = leading_keys(parsed_body(body), cache(_stored_partition_key))
        return {**context, "dynamodb:LeadingKeys": keys} if keys else context
