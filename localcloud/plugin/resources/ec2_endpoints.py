"""VPC endpoints."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.errors import OperationError
from localcloud.plugin.resource import Context, Properties, ResourceType, Update
from localcloud.plugin.resources.ec2 import TRANSIENT, change_tags, described, tag_specification, tags_of

_ENDPOINT_LISTS = {"routeTableIds": "RouteTableIds", "subnetIds": "SubnetIds", "securityGroupIds": "SecurityGroupIds"}


def _create_endpoint(context: Context) -> str:
    request = context.request() | {"TagSpecifications": tag_specification(context, "vpc-endpoint")}
    context.id = str(context.call("CreateVpcEndpoint", **request)["VpcEndpoint"]["VpcEndpointId"])
    _available(context)
    return context.id


def _available(context: Context) -> None:
    def look() -> bool | None:
        live = described(context, "DescribeVpcEndpoints", "VpcEndpointIds", "VpcEndpoints")
        if live and live["State"].lower() in ("failed", "rejected"):
            raise OperationError(f"EC2 could not make the endpoint: it is {live['State']}.")
        return True if live and live["State"].lower() == "available" else None

    context.wait(look, f"endpoint {context.id} to be available")


def _read_endpoint(context: Context) -> Properties | None:
    live = described(context, "DescribeVpcEndpoints", "VpcEndpointIds", "VpcEndpoints")
    if live is None or live["State"].lower() in ("deleting", "deleted"):
        return None
    entries = [
        {"dnsName": item.get("DnsName", ""), "hostedZoneId": item.get("HostedZoneId", "")}
        for item in live.get("DnsEntries", [])
    ]
    return {
        **context.properties(live),
        "securityGroupIds": [item["GroupId"] for item in live.get("Groups", [])],
        "dnsEntries": entries,
        "networkInterfaceIds": live.get("NetworkInterfaceIds", []),
        "cidrBlocks": [],
        "prefixListId": _prefix_list(context, live),
        "ownerId": live.get("OwnerId", context.cloud.account),
        "requesterManaged": live.get("RequesterManaged", False),
        "state": live["State"].lower(),
        "arn": context.arn("ec2", f"vpc-endpoint/{context.id}"),
        "tags": tags_of(live),
    }


def _prefix_list(context: Context, live: Mapping[str, Any]) -> str:
    if live.get("VpcEndpointType", "Gateway") != "Gateway":
        return ""
    filters = [{"Name": "prefix-list-name", "Values": [live["ServiceName"]]}]
    found = or_missing(lambda: context.call("DescribePrefixLists", Filters=filters))
    lists = found["PrefixLists"] if found else []
    return str(lists[0]["PrefixListId"]) if lists else ""


def _change_endpoint(context: Context) -> None:
    change: dict[str, Any] = {}
    for name, member in _ENDPOINT_LISTS.items():
        old, new = set(context.old.get(name, [])), set(context.inputs.get(name, []))
        change[f"Add{member}"] = sorted(new - old) or None
        change[f"Remove{member}"] = sorted(old - new) or None
    if "policy" in context.changed:
        policy = context.inputs.get("policy")
        change |= {"PolicyDocument": policy} if policy else {"ResetPolicy": True}
    if "privateDnsEnabled" in context.changed:
        change["PrivateDnsEnabled"] = context.inputs.get("privateDnsEnabled", False)
    context.call("ModifyVpcEndpoint", VpcEndpointId=context.id, **change)
    _available(context)


def _delete_endpoint(context: Context) -> None:
    context.call("DeleteVpcEndpoints", VpcEndpointIds=[context.id])
    context.wait(lambda: True if _read_endpoint(context) is None else None, f"endpoint {context.id} to be gone")


def _endpoint_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    if "serviceName" not in inputs:
        yield Failure("serviceName", "an endpoint needs serviceName, such as com.amazonaws.us-east-1.s3.")
    gateway = inputs.get("vpcEndpointType") == "Gateway"
    for name in ("subnetIds", "securityGroupIds", "privateDnsEnabled"):
        if gateway and inputs.get(name):
            yield Failure(name, f"{name} is for endpoints of type Interface only.")
    if not gateway and inputs.get("routeTableIds"):
        yield Failure("routeTableIds", "routeTableIds is for endpoints of type Gateway only.")


RESOURCES = (
    ResourceType(
        token="aws:ec2/vpcEndpoint:VpcEndpoint",
        service="ec2",
        operation="CreateVpcEndpoint",
        create=_create_endpoint,
        read=_read_endpoint,
        delete=_delete_endpoint,
        updates=(
            Update((*_ENDPOINT_LISTS, "policy", "privateDnsEnabled"), _change_endpoint),
            Update(("tags",), change_tags),
        ),
        names={"policy": "PolicyDocument", "autoAccept": None, "tags": None},
        immutable=("vpcId", "serviceName", "vpcEndpointType", "serviceRegion"),
        defaults={"vpcEndpointType": "Gateway"},
        computed=("policy", "routeTableIds", "subnetIds", "securityGroupIds", "privateDnsEnabled", "ipAddressType",
                  "dnsOptions", "serviceRegion"),
        documents=("policy",),
        unordered=("routeTableIds", "subnetIds", "securityGroupIds"),
        unsupported=("autoAccept", "dnsOptions", "ipAddressType", "resourceConfigurationArn", "serviceNetworkArn",
                     "subnetConfigurations"),
        rules=(_endpoint_rules,),
        transient=TRANSIENT,
    ),
)  # fmt: skip
