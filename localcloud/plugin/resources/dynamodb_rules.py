"""What DynamoDB refuses in a table beyond what botocore's model says."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.checking import Failure
from localcloud.plugin.resources.dynamodb_shapes import ON_DEMAND
from localcloud.plugin.values import UNKNOWN, has_unknown

_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")


def table_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    name = inputs.get("name")
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
    if isinstance(name, str) and not _NAME.fullmatch(name):
        yield Failure("name", f"name is 3 to 255 characters from a-z, A-Z, 0-9, _, - and ., but it is {name}.")
    if not inputs.get("hashKey"):
        yield Failure("hashKey", "a table needs hashKey, the name of its partition key attribute.")
    if not inputs.get("attributes"):
        yield Failure(
            "attributes", "a table needs attributes: one, with its type, for each key of the table and its indexes."
        )
    if has_unknown(inputs.get("attributes")):
        return
    # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html, AttributeDefinitions
    defined = {attribute["name"] for attribute in inputs.get("attributes", [])}
    used = {key for key in _keys(inputs) if key is not UNKNOWN}
    for name in sorted(used - defined):
        yield Failure(
            "attributes", f"the key attribute `{name}` is not defined in attributes: add it with its type (S, N or B)."
        )
    if UNKNOWN not in set(_keys(inputs)):
        for name in sorted(defined - used):
            yield Failure(
                "attributes", f"the attribute `{name}` is defined but indexes nothing: define key attributes only."
            )
    yield from _capacity_rules(inputs)
    # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_StreamSpecification.html
    if inputs.get("streamEnabled") is True and not inputs.get("streamViewType"):
        yield Failure("streamViewType", "streamViewType is needed when streamEnabled is true.")
    if not inputs.get("streamEnabled") and inputs.get("streamViewType"):
        yield Failure("streamViewType", "streamViewType may only be given when streamEnabled is true.")
    ttl = inputs.get("ttl", {})
    if isinstance(ttl, dict) and ttl.get("enabled") is True and not ttl.get("attributeName"):
        yield Failure("ttl.attributeName", "ttl needs attributeName when it is enabled.")


def _keys(inputs: Mapping[str, Any]) -> Iterator[Any]:
    indexes = [*inputs.get("globalSecondaryIndexes", []), *inputs.get("localSecondaryIndexes", [])]
    for holder in (inputs, *(index for index in indexes if isinstance(index, dict))):
        yield from (holder[key] for key in ("hashKey", "rangeKey") if holder.get(key))
        yield from (key["attributeName"] for key in holder.get("keySchemas", []))


def _capacity_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    billing = inputs.get("billingMode")
    holders = [("", inputs)] + [
        (f"globalSecondaryIndexes[{number}].", index)
        for number, index in enumerate(inputs.get("globalSecondaryIndexes", []))
    ]
    for path, holder in holders:
        for key in ("readCapacity", "writeCapacity"):
            if billing == "PROVISIONED" and not holder.get(key):
                yield Failure(
                    path + key, f"`{path}{key}` must be at least 1 when billingMode is PROVISIONED, the default."
                )
            if billing == ON_DEMAND and holder.get(key):
                yield Failure(path + key, f"`{path}{key}` may not be given when billingMode is PAY_PER_REQUEST.")
        if holder.get("projectionType") == "INCLUDE" and not holder.get("nonKeyAttributes"):
            yield Failure(
                path + "nonKeyAttributes", f"`{path}nonKeyAttributes` is needed when projectionType is INCLUDE."
            )
        if path and not holder.get("hashKey") and not holder.get("keySchemas"):
            yield Failure(path + "hashKey", f"`{path}hashKey` is needed.")
