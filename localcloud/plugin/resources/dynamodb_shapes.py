"""Between the properties of a DynamoDB table or index and the members of the API."""

from collections.abc import Mapping
from typing import Any

ON_DEMAND = "PAY_PER_REQUEST"


def key_schema(keys: Mapping[str, Any]) -> list[dict[str, str]]:
    pairs = (("hashKey", "HASH"), ("rangeKey", "RANGE"))
    return [{"AttributeName": keys[key], "KeyType": kind} for key, kind in pairs if keys.get(key)]


def throughput(capacity: Mapping[str, Any]) -> dict[str, int]:
    return {"ReadCapacityUnits": capacity["readCapacity"], "WriteCapacityUnits": capacity["writeCapacity"]}


def index_request(hash_key: str, index: Mapping[str, Any]) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index["projectionType"]}
    if index.get("nonKeyAttributes"):
        projection["NonKeyAttributes"] = index["nonKeyAttributes"]
    return {
        "IndexName": index["name"],
        "KeySchema": key_schema({**index, "hashKey": hash_key}),
        "Projection": projection,
    }


def global_index_request(table: Mapping[str, Any], index: Mapping[str, Any]) -> dict[str, Any]:
    request = index_request(index.get("hashKey", ""), index)
    if keys := index.get("keySchemas"):
        request["KeySchema"] = [{"AttributeName": key["attributeName"], "KeyType": key["keyType"]} for key in keys]
    if table["billingMode"] != ON_DEMAND:
        request["ProvisionedThroughput"] = throughput(index)
    if limits := index.get("onDemandThroughput"):
        request["OnDemandThroughput"] = on_demand_limits(limits)
    return request


def on_demand_limits(limits: Mapping[str, Any]) -> dict[str, int]:
    return {
        "MaxReadRequestUnits": limits.get("maxReadRequestUnits", -1),
        "MaxWriteRequestUnits": limits.get("maxWriteRequestUnits", -1),
    }


def encryption_request(inputs: Mapping[str, Any]) -> dict[str, Any]:
    encryption = inputs.get("serverSideEncryption")
    if not encryption:
        return {}
    if not encryption["enabled"]:
        return {"SSESpecification": {"Enabled": False}}
    key = {"KMSMasterKeyId": encryption["kmsKeyArn"]} if encryption.get("kmsKeyArn") else {}
    return {"SSESpecification": {"Enabled": True, "SSEType": "KMS", **key}}


def read_capacity(described: Mapping[str, Any], billing: str) -> dict[str, Any]:
    throughput = described.get("ProvisionedThroughput", {})
    on_demand = described.get("OnDemandThroughput")
    limits = (
        {"onDemandThroughput": {key[0].lower() + key[1:]: value for key, value in on_demand.items()}}
        if on_demand
        else {}
    )
    if billing == ON_DEMAND:
        return {"readCapacity": 0, "writeCapacity": 0, **limits}
    return {
        "readCapacity": throughput["ReadCapacityUnits"],
        "writeCapacity": throughput["WriteCapacityUnits"],
        **limits,
    }


def read_global_index(described: Mapping[str, Any], billing: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    """A global index as the program would write it: keys by name, or as `keySchemas` where it `declared` them so."""
    schema = [{"attributeName": key["AttributeName"], "keyType": key["KeyType"]} for key in described["KeySchema"]]
    keys = {"keySchemas": schema} if "keySchemas" in declared else plain_keys({"keySchemas": schema})
    return {**_read_projection(described), **keys, **read_capacity(described, billing)}


def read_local_index(described: Mapping[str, Any]) -> dict[str, Any]:
    """A local index as the program would write it; its hash key is the table's."""
    keys = {key["KeyType"]: key["AttributeName"] for key in described["KeySchema"]}
    return {**_read_projection(described), "rangeKey": keys["RANGE"]}


def plain_keys(index: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of an index as `hashKey` and `rangeKey`, or as `keySchemas` if it has several of one kind."""
    schema = index.get("keySchemas")
    if not schema:
        return {name: index[name] for name in ("hashKey", "rangeKey") if index.get(name)}
    kinds = [key["keyType"] for key in schema]
    if len(kinds) != len(set(kinds)):
        return {"keySchemas": schema}
    names = {"HASH": "hashKey", "RANGE": "rangeKey"}
    return {names[key["keyType"]]: key["attributeName"] for key in schema}


def _read_projection(described: Mapping[str, Any]) -> dict[str, Any]:
    projection = described["Projection"]
    attributes = projection.get("NonKeyAttributes")
    index = {"name": described["IndexName"], "projectionType": projection["ProjectionType"]}
    return index | ({"nonKeyAttributes": attributes} if attributes else {})


def index_names(path: str) -> dict[str, str | None]:
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
