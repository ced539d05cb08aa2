"""DynamoDB tables: keys, indexes, capacity, streams, time to live, recovery and encryption.

One call may change one index, or the stream (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html);
so every change is a call of its own, and waits for the table to be active again.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update
from localcloud.plugin.values import UNKNOWN, has_unknown

_ON_DEMAND = "PAY_PER_REQUEST"


def _create(context: Context) -> str:
    inputs = context.inputs
    request = context.request() | {"KeySchema": _key_schema(inputs), "BillingMode": inputs["billingMode"]}
    request["AttributeDefinitions"] = [
        {"AttributeName": attribute["name"], "AttributeType": attribute["type"]} for attribute in inputs["attributes"]
    ]
    if inputs["billingMode"] != _ON_DEMAND:
        request["ProvisionedThroughput"] = _throughput(inputs)
    if indexes := inputs.get("globalSecondaryIndexes"):
        request["GlobalSecondaryIndexes"] = [_global_index(inputs, index) for index in indexes]
    if local := inputs.get("localSecondaryIndexes"):
        request["LocalSecondaryIndexes"] = [_index(inputs["hashKey"], index) for index in local]
    if inputs.get("streamEnabled"):
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": inputs["streamViewType"]}
    request |= _encryption(inputs)
    context.call("CreateTable", **request)
    context.id = str(inputs["name"])
    _active(context)
    if inputs.get("ttl", {}).get("enabled"):
        _change_ttl(context)
    if inputs.get("pointInTimeRecovery", {}).get("enabled"):
        _change_recovery(context)
    return context.id


def _key_schema(keys: Mapping[str, Any]) -> list[dict[str, str]]:
    pairs = (("hashKey", "HASH"), ("rangeKey", "RANGE"))
    return [{"AttributeName": keys[key], "KeyType": kind} for key, kind in pairs if keys.get(key)]


def _throughput(capacity: Mapping[str, Any]) -> dict[str, int]:
    return {"ReadCapacityUnits": capacity["readCapacity"], "WriteCapacityUnits": capacity["writeCapacity"]}


def _index(hash_key: str, index: Mapping[str, Any]) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index["projectionType"]}
    if index.get("nonKeyAttributes"):
        projection["NonKeyAttributes"] = index["nonKeyAttributes"]
    return {
        "IndexName": index["name"],
        "KeySchema": _key_schema({**index, "hashKey": hash_key}),
        "Projection": projection,
    }


def _global_index(table: Mapping[str, Any], index: Mapping[str, Any]) -> dict[str, Any]:
    request = _index(index.get("hashKey", ""), index)
    if keys := index.get("keySchemas"):
        request["KeySchema"] = [{"AttributeName": key["attributeName"], "KeyType": key["keyType"]} for key in keys]
    if table["billingMode"] != _ON_DEMAND:
        request["ProvisionedThroughput"] = _throughput(index)
    if limits := index.get("onDemandThroughput"):
        request["OnDemandThroughput"] = _on_demand(limits)
    return request


def _on_demand(limits: Mapping[str, Any]) -> dict[str, int]:
    return {
        "MaxReadRequestUnits": limits.get("maxReadRequestUnits", -1),
        "MaxWriteRequestUnits": limits.get("maxWriteRequestUnits", -1),
    }


def _encryption(inputs: Mapping[str, Any]) -> dict[str, Any]:
    encryption = inputs.get("serverSideEncryption")
    if not encryption:
        return {}
    if not encryption["enabled"]:
        return {"SSESpecification": {"Enabled": False}}
    key = {"KMSMasterKeyId": encryption["kmsKeyArn"]} if encryption.get("kmsKeyArn") else {}
    return {"SSESpecification": {"Enabled": True, "SSEType": "KMS", **key}}


def _describe(context: Context) -> dict[str, Any] | None:
    found = or_missing(lambda: context.call("DescribeTable", TableName=context.id))
    return found["Table"] if found else None


def _active(context: Context) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        table = _describe(context)
        ready = table and table["TableStatus"] == "ACTIVE"
        indexes = table.get("GlobalSecondaryIndexes", []) if table else []
        return table if ready and all(index.get("IndexStatus", "ACTIVE") == "ACTIVE" for index in indexes) else None

    return dict(context.wait(look, f"table {context.id} to be active"))


def _read(context: Context) -> Properties | None:
    table = _describe(context)
    if table is None or table["TableStatus"] == "DELETING":
        return None
    state = context.properties(table)
    billing = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    stream = table.get("StreamSpecification", {})
    keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
    state |= {
        "billingMode": billing,
        "hashKey": keys["HASH"],
        "rangeKey": keys.get("RANGE"),
        "attributes": [
            {"name": item["AttributeName"], "type": item["AttributeType"]} for item in table["AttributeDefinitions"]
        ],
        "streamEnabled": stream.get("StreamEnabled", False),
        "streamViewType": stream.get("StreamViewType"),
        "streamArn": table.get("LatestStreamArn", ""),
        "streamLabel": table.get("LatestStreamLabel", ""),
        "tableClass": table.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
        "globalSecondaryIndexes": [_read_index(item, billing) for item in table.get("GlobalSecondaryIndexes", [])],
        "localSecondaryIndexes": [
            _read_index(item, _ON_DEMAND, local=True) for item in table.get("LocalSecondaryIndexes", [])
        ],
        **_read_capacity(table, billing),
        **_read_extras(context, table),
    }
    return {key: value for key, value in state.items() if value is not None}


def _read_capacity(described: Mapping[str, Any], billing: str) -> dict[str, Any]:
    throughput = described.get("ProvisionedThroughput", {})
    on_demand = described.get("OnDemandThroughput")
    limits = (
        {"onDemandThroughput": {key[0].lower() + key[1:]: value for key, value in on_demand.items()}}
        if on_demand
        else {}
    )
    if billing == _ON_DEMAND:
        return {"readCapacity": 0, "writeCapacity": 0, **limits}
    return {
        "readCapacity": throughput["ReadCapacityUnits"],
        "writeCapacity": throughput["WriteCapacityUnits"],
        **limits,
    }


def _read_index(described: Mapping[str, Any], billing: str, *, local: bool = False) -> dict[str, Any]:
    keys = {key["KeyType"]: key["AttributeName"] for key in described["KeySchema"]}
    index = {
        "name": described["IndexName"],
        "projectionType": described["Projection"]["ProjectionType"],
        "nonKeyAttributes": described["Projection"].get("NonKeyAttributes"),
        "rangeKey": keys.get("RANGE"),
    }
    if not local:
        index |= {"hashKey": keys["HASH"], **_read_capacity(described, billing)}
    return {key: value for key, value in index.items() if value is not None}


def _read_extras(context: Context, table: Mapping[str, Any]) -> dict[str, Any]:
    ttl = context.call("DescribeTimeToLive", TableName=context.id)["TimeToLiveDescription"]
    backups = context.call("DescribeContinuousBackups", TableName=context.id)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {})
    recovers = recovery.get("PointInTimeRecoveryStatus") == "ENABLED"
    encryption = table.get("SSEDescription", {})
    expires = ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    encrypts = encryption.get("Status") in ("ENABLED", "ENABLING", "UPDATING")
    days = {"recoveryPeriodInDays": recovery["RecoveryPeriodInDays"]} if recovery.get("RecoveryPeriodInDays") else {}
    return {
        "ttl": {"enabled": True, "attributeName": ttl["AttributeName"]} if expires else None,
        "pointInTimeRecovery": {"enabled": True, **days} if recovers else {"enabled": False},
        "serverSideEncryption": {"enabled": True, "kmsKeyArn": encryption.get("KMSMasterKeyArn")} if encrypts else None,
    }


def _update_table(context: Context, **change: Any) -> None:
    context.call("UpdateTable", TableName=context.id, **change)
    _active(context)


def _change_capacity(context: Context) -> None:
    inputs = context.inputs
    change: dict[str, Any] = {"BillingMode": inputs["billingMode"]}
    if inputs["billingMode"] != _ON_DEMAND:
        change["ProvisionedThroughput"] = _throughput(inputs)
        # With the mode the indexes need their capacity in the same call; later changes are `_change_indexes`'s.
        indexes = [
            index for index in inputs.get("globalSecondaryIndexes", []) if _by_name(context.old).get(index["name"])
        ]
        if indexes and context.old.get("billingMode") == _ON_DEMAND:
            change["GlobalSecondaryIndexUpdates"] = [
                {"Update": {"IndexName": index["name"], "ProvisionedThroughput": _throughput(index)}}
                for index in indexes
            ]
    _update_table(context, **change)


def _change_protection(context: Context) -> None:
    _update_table(context, DeletionProtectionEnabled=context.inputs.get("deletionProtectionEnabled", False))


def _change_limits(context: Context) -> None:
    _update_table(context, OnDemandThroughput=_on_demand(context.inputs.get("onDemandThroughput", {})))


def _change_stream(context: Context) -> None:
    if context.old.get("streamEnabled"):
        _update_table(context, StreamSpecification={"StreamEnabled": False})
    if context.inputs.get("streamEnabled"):
        view = context.inputs["streamViewType"]
        _update_table(context, StreamSpecification={"StreamEnabled": True, "StreamViewType": view})


def _by_name(properties: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {index["name"]: index for index in properties.get("globalSecondaryIndexes", [])}


_CAPACITY = ("readCapacity", "writeCapacity", "onDemandThroughput", "warmThroughput")


def _change_indexes(context: Context) -> None:
    """Delete, then create, then resize; an index whose keys or projection change is deleted and created."""
    old, new = _by_name(context.old), _by_name(context.inputs)
    rebuilt = {name for name in old.keys() & new.keys() if _shape_of(old[name]) != _shape_of(new[name])}
    definitions = [
        {"AttributeName": item["name"], "AttributeType": item["type"]} for item in context.inputs["attributes"]
    ]
    for name in sorted((old.keys() - new.keys()) | rebuilt):
        _update_table(context, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": name}}])
    for name in sorted((new.keys() - old.keys()) | rebuilt):
        create = _global_index(context.inputs, new[name])
        _update_table(context, AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=[{"Create": create}])
    for name in sorted((old.keys() & new.keys()) - rebuilt):
        if any(old[name].get(key) != new[name].get(key) for key in _CAPACITY):
            request = _global_index(context.inputs, new[name])
            update = {
                key: request[key]
                for key in ("IndexName", "ProvisionedThroughput", "OnDemandThroughput")
                if key in request
            }
            if len(update) > 1:
                _update_table(context, GlobalSecondaryIndexUpdates=[{"Update": update}])


def _shape_of(index: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: sorted(value) if key == "nonKeyAttributes" else value
        for key, value in index.items()
        if key not in _CAPACITY and value
    }


def _change_ttl(context: Context) -> None:
    ttl = context.inputs.get("ttl") or {**context.old.get("ttl", {}), "enabled": False}
    specification = {"Enabled": ttl.get("enabled", False), "AttributeName": ttl.get("attributeName")}
    context.call("UpdateTimeToLive", TableName=context.id, TimeToLiveSpecification=specification)


def _change_recovery(context: Context) -> None:
    recovery = context.inputs.get("pointInTimeRecovery") or {"enabled": False}
    specification: dict[str, Any] = {"PointInTimeRecoveryEnabled": recovery["enabled"]}
    if recovery.get("recoveryPeriodInDays"):
        specification["RecoveryPeriodInDays"] = recovery["recoveryPeriodInDays"]
    context.call("UpdateContinuousBackups", TableName=context.id, PointInTimeRecoverySpecification=specification)


def _change_encryption(context: Context) -> None:
    _update_table(context, **(_encryption(context.inputs) or {"SSESpecification": {"Enabled": False}}))


def _delete(context: Context) -> None:
    context.call("DeleteTable", TableName=context.id)
    context.wait(lambda: True if _describe(context) is None else None, f"table {context.id} to be gone")


_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")


def _rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
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
            if billing == _ON_DEMAND and holder.get(key):
                yield Failure(path + key, f"`{path}{key}` may not be given when billingMode is PAY_PER_REQUEST.")
        if path and not holder.get("hashKey") and not holder.get("keySchemas"):
            yield Failure(path + "hashKey", f"`{path}hashKey` is needed.")


def _index_names(path: str) -> dict[str, str | None]:
    return {
        f"{path}.name": "IndexName",
        f"{path}.projectionType": "Projection.ProjectionType",
        f"{path}.nonKeyAttributes": "Projection.NonKeyAttributes",
        f"{path}.readCapacity": "ProvisionedThroughput.ReadCapacityUnits",
        f"{path}.writeCapacity": "ProvisionedThroughput.WriteCapacityUnits",
        f"{path}.keySchemas": "KeySchema",
        f"{path}.hashKey": None,
        f"{path}.rangeKey": None,
    }


TABLE = ResourceType(
    token="aws:dynamodb/table:Table",
    service="dynamodb",
    operation="CreateTable",
    create=_create,
    read=_read,
    delete=_delete,
    updates=(
        Update(("deletionProtectionEnabled",), _change_protection),
        Update(("tableClass",), lambda c: _update_table(c, TableClass=c.inputs["tableClass"])),
        Update(("billingMode", "readCapacity", "writeCapacity"), _change_capacity),
        Update(("globalSecondaryIndexes", "attributes"), _change_indexes),
        Update(("onDemandThroughput",), _change_limits),
        Update(("streamEnabled", "streamViewType"), _change_stream),
        Update(("ttl",), _change_ttl),
        Update(("pointInTimeRecovery",), _change_recovery),
        Update(("serverSideEncryption",), _change_encryption),
    ),
    names={
        "name": "TableName",
        "arn": "TableArn",
        "attributes": "AttributeDefinitions",
        "attributes.name": "AttributeName",
        "attributes.type": "AttributeType",
        "hashKey": None,
        "rangeKey": None,
        **_index_names("globalSecondaryIndexes"),
        **_index_names("localSecondaryIndexes"),
        "readCapacity": None,
        "writeCapacity": None,
        "serverSideEncryption": None,
        "streamEnabled": None,
        "streamViewType": "StreamSpecification.StreamViewType",
        "streamArn": "LatestStreamArn",
        "pointInTimeRecovery": None,
        "ttl": None,
        "replicas": None,
        "warmThroughput": None,
        "globalTableWitness": None,
        "importTable": None,
        "tags": None,
    },
    immutable=("name", "hashKey", "rangeKey", "localSecondaryIndexes"),
    defaults={"billingMode": "PROVISIONED", "tableClass": "STANDARD", "pointInTimeRecovery": {"enabled": False}},
    computed=("readCapacity", "writeCapacity", "serverSideEncryption.kmsKeyArn", "onDemandThroughput",
              "globalSecondaryIndexes.readCapacity", "globalSecondaryIndexes.writeCapacity",
              "globalSecondaryIndexes.onDemandThroughput", "pointInTimeRecovery.recoveryPeriodInDays"),
    unordered=("attributes", "globalSecondaryIndexes", "localSecondaryIndexes",
               "globalSecondaryIndexes.nonKeyAttributes", "localSecondaryIndexes.nonKeyAttributes"),
    unsupported=("globalTableWitness", "importTable", "replicas", "restoreBackupArn", "restoreDateTime",
                 "restoreSourceName", "restoreSourceTableArn", "restoreToLatestTime", "warmThroughput",
                 "globalSecondaryIndexes.warmThroughput"),
    name=Name(longest=255),
    tagging=Tagging("ResourceArn", listing="ListTagsOfResource"),
    rules=(_rules,),
    volatile={"streamArn": ("streamEnabled", "streamViewType"), "streamLabel": ("streamEnabled", "streamViewType")},
    transient=(Transient("LimitExceededException"), Transient("ResourceInUseException", "being updated")),
)  # fmt: skip

RESOURCES = (TABLE,)
