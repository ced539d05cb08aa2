"""The functions that programs call: caller identity, Region, partition, zones and policy documents."""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.plugin.checking import Failure, suggest
from localcloud.plugin.cloud import Cloud
from localcloud.plugin.errors import UnknownResourceError
from localcloud.plugin.models import loader
from localcloud.plugin.schema import function_arguments
from localcloud.plugin.values import Properties, reveal, seal


def invoke(token: str, arguments: Properties, cloud: Callable[[], Cloud]) -> tuple[Properties, list[Failure]]:
    """The answer of a function, or what is wrong with its arguments.

    Raises
    ------
    UnknownResourceError
        If the function is not in the table.
    """
    function = _FUNCTIONS.get(token)
    if function is None:
        known = ", ".join(sorted(_FUNCTIONS))
        raise UnknownResourceError(
            f"The local stand-in for the aws provider has no function {token}. It has: {known}. "
            "docs/adding-a-resource-type.md says how to add one."
        )
    allowed = function_arguments(token)
    failures = [
        Failure(name, f"{token} has no argument `{name}`. {suggest(name, allowed)}")
        for name in arguments
        if name not in allowed
    ]
    if failures:
        return {}, failures
    return seal(function(reveal(arguments), cloud), arguments), []


def _caller_identity(arguments: Properties, cloud: Callable[[], Cloud]) -> Properties:
    identity = cloud().identity
    return {
        "accountId": identity["Account"],
        "arn": identity["Arn"],
        "userId": identity["UserId"],
        "id": identity["Account"],
    }


def _region(arguments: Properties, cloud: Callable[[], Cloud]) -> Properties:
    name = arguments.get("region") or arguments.get("name") or cloud().region
    return {
        "name": name,
        "region": name,
        "id": name,
        "endpoint": f"ec2.{name}.{_suffix(cloud().partition)}",
        "description": _description(name),
    }


def _description(region: str) -> str:
    data = loader().load_data("endpoints")
    found = [part["regions"][region]["description"] for part in data["partitions"] if region in part["regions"]]
    return str(found[0]) if found else region


def _partition(arguments: Properties, cloud: Callable[[], Cloud]) -> Properties:
    partition = cloud().partition
    suffix = _suffix(partition)
    return {
        "partition": partition,
        "id": partition,
        "dnsSuffix": suffix,
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


def _availability_zones(arguments: Properties, cloud: Callable[[], Cloud]) -> Properties:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html"""
    request: dict[str, Any] = {"AllAvailabilityZones": arguments.get("allAvailabilityZones", False)}
    filters = [{"Name": one["name"], "Values": list(one["values"])} for one in arguments.get("filters", [])]
    if arguments.get("state"):
        filters.append({"Name": "state", "Values": [arguments["state"]]})
    region = arguments.get("region") or cloud().region
    found = cloud().client("ec2", region).describe_availability_zones(Filters=filters, **request)["AvailabilityZones"]
    zones = [
        zone
        for zone in sorted(found, key=lambda zone: str(zone["ZoneName"]))
        if zone["ZoneName"] not in arguments.get("excludeNames", [])
        and zone["ZoneId"] not in arguments.get("excludeZoneIds", [])
    ]
    return {
        **arguments,
        "id": region,
        "region": region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
        "groupNames": sorted({zone["GroupName"] for zone in zones if zone.get("GroupName")}),
    }


def _suffix(partition: str) -> str:
    return "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"


def _policy_document(arguments: Properties, cloud: Callable[[], Cloud]) -> Properties:
    """As the real function: one item of a list is written as the item, and documents are merged by their Sid."""
    statements: list[dict[str, Any]] = []
    version, identity = arguments.get("version", "2012-10-17"), arguments.get("policyId")
    for text in arguments.get("sourcePolicyDocuments", []):
        _merge(statements, json.loads(text), replace=False)
    own = {"Statement": [_statement(item) for item in arguments.get("statements", [])]}
    _merge(statements, own, replace=True)
    for text in arguments.get("overridePolicyDocuments", []):
        _merge(statements, json.loads(text), replace=True)
    document = {"Version": version} | ({"Id": identity} if identity else {}) | {"Statement": statements}
    crc = str(_crc32(json.dumps(document, indent=2)))
    return {
        **arguments,
        "id": crc,
        "json": json.dumps(document, indent=2),
        "minifiedJson": json.dumps(document, separators=(",", ":")),
    }


def _merge(statements: list[dict[str, Any]], document: Mapping[str, Any], *, replace: bool) -> None:
    added = document.get("Statement", [])
    for statement in added if isinstance(added, list) else [added]:
        sid = statement.get("Sid")
        twin = next((index for index, item in enumerate(statements) if sid and item.get("Sid") == sid), None)
        if twin is None:
            statements.append(statement)
        elif replace:
            statements[twin] = statement
        else:
            raise ValueError(f"Two source policy documents have a statement with the Sid {sid!r}: rename one of them.")


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": given["sid"]} if given.get("sid") else {}
    statement["Effect"] = given.get("effect", "Allow")
    for ours, theirs in (("actions", "Action"), ("notActions", "NotAction"), ("resources", "Resource"),
                         ("notResources", "NotResource")):  # fmt: skip
        if given.get(ours):
            statement[theirs] = _one(sorted(given[ours], reverse=True))
    for ours, theirs in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(ours):
            statement[theirs] = _principals(given[ours])
    conditions: dict[str, dict[str, Any]] = {}
    for condition in given.get("conditions", []):
        conditions.setdefault(condition["test"], {})[condition["variable"]] = _one(list(condition["values"]))
    return statement | ({"Condition": conditions} if conditions else {})


def _principals(given: list[Mapping[str, Any]]) -> Any:
    if any(item["type"] == "*" for item in given):
        return "*"
    kinds: dict[str, list[str]] = {}
    for item in given:
        kinds.setdefault(item["type"], []).extend(item["identifiers"])
    return {kind: _one(sorted(identifiers, reverse=True)) for kind, identifiers in kinds.items()}


def _one(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def _crc32(text: str) -> int:
    return zlib.crc32(text.encode())


_FUNCTIONS: Mapping[str, Callable[[Properties, Callable[[], Cloud]], Properties]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
}
