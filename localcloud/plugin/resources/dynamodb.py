"""DynamoDB tables: keys, indexes, capacity, streams, time to live, recovery and encryption.

One call may change one index, or the stream (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html);
so every change is a call of its own, and waits for the table to be active again.
"""

from collections.abc import Mapping
from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update
from localcloud.plugin.resources.dynamodb_rules import table_rules
from localcloud.plugin.resources.dynamodb_shapes import (
    ON_DEMAND,
    encryption_request,
    global_index_request,
    index_names,
    index_request,
    key_schema,
    on_demand_limits,
    plain_keys,
    read_capacity,
    read_global_index,
    read_local_index,
    throughput,
)


def _create(context: Context) -> str:
    inputs = context.inputs
    request = context.request() | {"KeySchema": key_schema(inputs), "BillingMode": inputs["billingMode"]}
    request["AttributeDefinitions"] = [
        {"AttributeName": attribute["name"], "AttributeType": attribute["type"]} for attribute in inputs["attributes"]
    ]
    if inputs["billingMode"] != ON_DEMAND:
        request["ProvisionedThroughput"] = throughput(inputs)
    # DynamoDB refuses an empty list of indexes, and so does whatever follows it.
    request["GlobalSecondaryIndexes"] = [
        global_index_request(inputs, index) for index in inputs.get("globalSecondaryIndexes") or ()
    ]
    request["LocalSecondaryIndexes"] = [
        index_request(inputs["hashKey"], index) for index in inputs.get("localSecondaryIndexes") or ()
    ]
    for name in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if not request[name]:
            del request[name]
    if inputs.get("streamEnabled"):
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": inputs["streamViewType"]}
    request |= encryption_request(inputs)
    context.call("CreateTable", **request)
    context.id = str(inputs["name"])
    _active(context)
    if inputs.get("ttl", {}).get("enabled"):
        _change_ttl(context)
    if inputs.get("pointInTimeRecovery", {}).get("enabled"):
        _change_recovery(context)
    return context.id


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
    declared = _by_name(context.inputs)
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
        "globalSecondaryIndexes": [
            read_global_index(item, billing, declared.get(item["IndexName"], {}))
            for item in table.get("GlobalSecondaryIndexes", [])
        ],
        "localSecondaryIndexes": [read_local_index(item) for item in table.get("LocalSecondaryIndexes", [])],
        **read_capacity(table, billing),
        **_read_extras(context, table),
    }
    return {key: value for key, value in state.items() if value is not None}


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
    if inputs["billingMode"] != ON_DEMAND:
        change["ProvisionedThroughput"] = throughput(inputs)
        # With the mode the indexes need their capacity in the same call; later changes are `_change_indexes`'s.
        indexes = [
            index for index in inputs.get("globalSecondaryIndexes", []) if _by_name(context.old).get(index["name"])
        ]
        if indexes and context.old.get("billingMode") == ON_DEMAND:
            change["GlobalSecondaryIndexUpdates"] = [
                {"Update": {"IndexName": index["name"], "ProvisionedThroughput": throughput(index)}}
                for index in indexes
            ]
    _update_table(context, **change)


def _change_protection(context: Context) -> None:
    _update_table(context, DeletionProtectionEnabled=context.inputs.get("deletionProtectionEnabled", False))


def _change_limits(context: Context) -> None:
    _update_table(context, OnDemandThroughput=on_demand_limits(context.inputs.get("onDemandThroughput", {})))


def _change_stream(context: Context) -> None:
    if context.old.get("streamEnabled"):
        _update_table(context, StreamSpecification={"StreamEnabled": False})
    if context.inputs.get("streamEnabled"):
        view = context.inputs["streamViewType"]
        _update_table(context, StreamSpecification={"StreamEnabled": True, "StreamViewType": view})


def _by_name(properties: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {index["name"]: index for index in properties.get("globalSecondaryIndexes", [])}


_KEYS = ("hashKey", "rangeKey", "keySchemas")
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
        create = global_index_request(context.inputs, new[name])
        _update_table(context, AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=[{"Create": create}])
    for name in sorted((old.keys() & new.keys()) - rebuilt):
        if any(old[name].get(key) != new[name].get(key) for key in _CAPACITY):
            request = global_index_request(context.inputs, new[name])
            update = {
                key: request[key]
                for key in ("IndexName", "ProvisionedThroughput", "OnDemandThroughput")
                if key in request
            }
            if len(update) > 1:
                _update_table(context, GlobalSecondaryIndexUpdates=[{"Update": update}])


def _shape_of(index: Mapping[str, Any]) -> dict[str, Any]:
    """What of an index cannot be changed in place."""
    rest = {
        key: sorted(value) if key == "nonKeyAttributes" else value
        for key, value in index.items()
        if key not in _CAPACITY and key not in _KEYS and value
    }
    return rest | plain_keys(index)


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
    _update_table(context, **(encryption_request(context.inputs) or {"SSESpecification": {"Enabled": False}}))


def _delete(context: Context) -> None:
    context.call("DeleteTable", TableName=context.id)
    context.wait(lambda: True if _describe(context) is None else None, f"table {context.id} to be gone")


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
        **index_names("globalSecondaryIndexes"),
        **index_names("localSecondaryIndexes"),
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
    rules=(table_rules,),
    volatile={"streamArn": ("streamEnabled", "streamViewType"), "streamLabel": ("streamEnabled", "streamViewType")},
    transient=(Transient("LimitExceededException"), Transient("ResourceInUseException", "being updated")),
)  # fmt: skip

RESOURCES = (TABLE,)
