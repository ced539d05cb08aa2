"""Networks: VPCs, subnets, route tables and their associations."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.resource import Context, Properties, ResourceType, Transient, Update

# EC2 is eventually consistent: what was made a moment ago may not be there yet
# (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
TRANSIENT = (
    Transient("InvalidVpcID.NotFound"),
    Transient("InvalidSubnetID.NotFound"),
    Transient("InvalidRouteTableID.NotFound"),
    Transient("DependencyViolation"),
)


def tag_specification(context: Context, kind: str) -> list[dict[str, Any]] | None:
    """The tags of a resource that is being made."""
    tags = [{"Key": key, "Value": value} for key, value in context.inputs.get("tags", {}).items()]
    return [{"ResourceType": kind, "Tags": tags}] if tags else None


def change_tags(context: Context) -> None:
    """Bring the tags from the old inputs' to the new ones'."""
    old, new = context.old.get("tags", {}), context.inputs.get("tags", {})
    if removed := sorted(old.keys() - new.keys()):
        context.call("DeleteTags", Resources=[context.id], Tags=[{"Key": key} for key in removed])
    if changed := [{"Key": key, "Value": value} for key, value in new.items() if old.get(key) != value]:
        context.call("CreateTags", Resources=[context.id], Tags=changed)


def tags_of(live: Mapping[str, Any]) -> dict[str, str]:
    """The tags in a description."""
    return {tag["Key"]: tag["Value"] for tag in live.get("Tags", []) if not tag["Key"].startswith("aws:")}


def described(context: Context, operation: str, parameter: str, at: str) -> dict[str, Any] | None:
    """The description of the resource with this id, or None."""
    request: dict[str, Any] = {parameter: [context.id]}
    found = or_missing(lambda: context.call(operation, **request))
    items = found[at] if found else []
    return dict(items[0]) if items else None


def _create_vpc(context: Context) -> str:
    request = context.request() | {"TagSpecifications": tag_specification(context, "vpc")}
    context.id = str(context.call("CreateVpc", **request)["Vpc"]["VpcId"])
    context.wait(lambda: described(context, "DescribeVpcs", "VpcIds", "Vpcs"), f"VPC {context.id} to be there")
    context.changed = frozenset(_VPC)
    _change_vpc(context)
    return context.id


_VPC = {
    "enableDnsSupport": "EnableDnsSupport",
    "enableDnsHostnames": "EnableDnsHostnames",
    "enableNetworkAddressUsageMetrics": "EnableNetworkAddressUsageMetrics",
}


def _change_vpc(context: Context) -> None:
    for name, member in _VPC.items():
        if name in context.changed and name in context.inputs:
            change: dict[str, Any] = {member: {"Value": context.inputs[name]}}
            context.call("ModifyVpcAttribute", VpcId=context.id, **change)


def _read_vpc(context: Context) -> Properties | None:
    live = described(context, "DescribeVpcs", "VpcIds", "Vpcs")
    if live is None:
        return None
    attributes = {}
    for name, member in _VPC.items():
        attribute = f"{member[0].lower()}{member[1:]}"
        answer = context.call("DescribeVpcAttribute", VpcId=context.id, Attribute=attribute)
        attributes[name] = bool(answer.get(member, {}).get("Value"))
    of_vpc = [{"Name": "vpc-id", "Values": [context.id]}]
    tables = context.call("DescribeRouteTables", Filters=of_vpc)["RouteTables"]
    main = _main(tables)
    groups = context.call("DescribeSecurityGroups", Filters=of_vpc)["SecurityGroups"]
    acls = context.call("DescribeNetworkAcls", Filters=of_vpc)["NetworkAcls"]
    return {
        **attributes,
        "cidrBlock": live["CidrBlock"],
        "instanceTenancy": live.get("InstanceTenancy", "default"),
        "dhcpOptionsId": live.get("DhcpOptionsId", ""),
        "ownerId": live.get("OwnerId", context.cloud.account),
        "arn": context.arn("ec2", f"vpc/{context.id}"),
        "mainRouteTableId": main,
        "defaultRouteTableId": main,
        "defaultSecurityGroupId": next((item["GroupId"] for item in groups if item["GroupName"] == "default"), ""),
        "defaultNetworkAclId": next((item["NetworkAclId"] for item in acls if item.get("IsDefault")), ""),
        "ipv6AssociationId": "",
        "tags": tags_of(live),
    }


def _main(tables: list[dict[str, Any]]) -> str:
    mains = [table for table in tables if any(item.get("Main") for item in table.get("Associations", []))]
    return str(mains[0]["RouteTableId"]) if mains else ""


def _vpc_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    if "cidrBlock" not in inputs:
        yield Failure("cidrBlock", "a VPC needs cidrBlock, such as 10.0.0.0/16.")


def _create_subnet(context: Context) -> str:
    request = context.request() | {"TagSpecifications": tag_specification(context, "subnet")}
    context.id = str(context.call("CreateSubnet", **request)["Subnet"]["SubnetId"])
    if context.inputs.get("mapPublicIpOnLaunch"):
        _change_subnet(context)
    return context.id


def _change_subnet(context: Context) -> None:
    wanted = {"Value": context.inputs.get("mapPublicIpOnLaunch", False)}
    context.call("ModifySubnetAttribute", SubnetId=context.id, MapPublicIpOnLaunch=wanted)


def _read_subnet(context: Context) -> Properties | None:
    live = described(context, "DescribeSubnets", "SubnetIds", "Subnets")
    if live is None:
        return None
    arn = live.get("SubnetArn") or context.arn("ec2", f"subnet/{context.id}")
    return {**context.properties(live), "arn": arn, "ipv6CidrBlockAssociationId": "", "tags": tags_of(live)}


_ROUTE = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "transitGatewayId": "TransitGatewayId",
    "vpcEndpointId": "VpcEndpointId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
}
_DESTINATIONS = ("cidrBlock", "ipv6CidrBlock", "destinationPrefixListId")


def _create_route_table(context: Context) -> str:
    tags = tag_specification(context, "route-table")
    answer = context.call("CreateRouteTable", VpcId=context.inputs["vpcId"], TagSpecifications=tags)
    context.id = str(answer["RouteTable"]["RouteTableId"])
    _change_routes(context)
    return context.id


def _change_routes(context: Context) -> None:
    old, new = context.old.get("routes", []), context.inputs.get("routes", [])
    for route in (route for route in old if route not in new):
        target = {_ROUTE[name]: route[name] for name in _DESTINATIONS if route.get(name)}
        or_missing(lambda target=target: context.call("DeleteRoute", RouteTableId=context.id, **target))  # type: ignore[misc]
    for route in (route for route in new if route not in old):
        request = {_ROUTE[name]: value for name, value in route.items() if value}
        context.call("CreateRoute", RouteTableId=context.id, **request)


def _read_route_table(context: Context) -> Properties | None:
    live = described(context, "DescribeRouteTables", "RouteTableIds", "RouteTables")
    if live is None:
        return None
    # The local route and those of gateway endpoints are AWS's own.
    own = [
        route
        for route in live.get("Routes", [])
        if route.get("GatewayId") != "local" and not str(route.get("GatewayId", "")).startswith("vpce-")
    ]
    routes = [{name: route[member] for name, member in _ROUTE.items() if route.get(member)} for route in own]
    return {
        "vpcId": live["VpcId"],
        "routes": routes,
        "ownerId": live.get("OwnerId", context.cloud.account),
        "arn": context.arn("ec2", f"route-table/{context.id}"),
        "tags": tags_of(live),
    }


def _associate(context: Context) -> str:
    context.id = str(context.call("AssociateRouteTable", **context.request())["AssociationId"])
    return context.id


def _read_association(context: Context) -> Properties | None:
    # An import: SUBNET/TABLE. https://www.pulumi.com/registry/packages/aws/api-docs/ec2/routetableassociation/#import
    table_id = context.id.partition("/")[2]
    by_id = {"Name": "association.route-table-association-id", "Values": [context.id]}
    filters = [{"Name": "route-table-id", "Values": [table_id]} if table_id else by_id]
    for table in context.call("DescribeRouteTables", Filters=filters)["RouteTables"]:
        for item in table.get("Associations", []):
            if context.id in (item["RouteTableAssociationId"], f"{item.get('SubnetId')}/{table_id}"):
                context.id = item["RouteTableAssociationId"]
                return context.properties({**item, "RouteTableId": table["RouteTableId"]})
    return None


def _deleted(operation: str, parameter: str) -> Callable[[Context], object]:
    return lambda context: context.call(operation, **{parameter: context.id})


_ROUTE_UNSUPPORTED = tuple(
    f"routes.{name}"
    for name in ("carrierGatewayId", "coreNetworkArn", "egressOnlyGatewayId", "localGatewayId", "odbNetworkArn")
)

RESOURCES = (
    ResourceType(
        token="aws:ec2/vpc:Vpc",
        service="ec2",
        operation="CreateVpc",
        create=_create_vpc,
        read=_read_vpc,
        delete=_deleted("DeleteVpc", "VpcId"),
        updates=(Update(tuple(_VPC), _change_vpc), Update(("tags",), change_tags)),
        names={**dict.fromkeys(_VPC), "tags": None},
        immutable=("cidrBlock", "instanceTenancy"),
        defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
        computed=("enableDnsHostnames", "enableNetworkAddressUsageMetrics"),
        unsupported=(
            "assignGeneratedIpv6CidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength", "ipv6CidrBlock",
            "ipv6CidrBlockNetworkBorderGroup", "ipv6IpamPoolId", "ipv6NetmaskLength",
        ),
        rules=(_vpc_rules,),
        transient=TRANSIENT,
    ),
    ResourceType(
        token="aws:ec2/subnet:Subnet",
        service="ec2",
        operation="CreateSubnet",
        create=_create_subnet,
        read=_read_subnet,
        delete=_deleted("DeleteSubnet", "SubnetId"),
        updates=(Update(("mapPublicIpOnLaunch",), _change_subnet), Update(("tags",), change_tags)),
        names={"tags": None},
        immutable=("vpcId", "availabilityZone", "availabilityZoneId", "cidrBlock"),
        defaults={"mapPublicIpOnLaunch": False},
        computed=("availabilityZone", "availabilityZoneId"),
        unsupported=(
            "assignIpv6AddressOnCreation", "customerOwnedIpv4Pool", "enableDns64", "enableLniAtDeviceIndex",
            "enableResourceNameDnsARecordOnLaunch", "enableResourceNameDnsAaaaRecordOnLaunch", "ipv4IpamPoolId",
            "ipv4NetmaskLength", "ipv6CidrBlock", "ipv6IpamPoolId", "ipv6Native", "ipv6NetmaskLength",
            "mapCustomerOwnedIpOnLaunch", "outpostArn", "privateDnsHostnameTypeOnLaunch",
        ),
        transient=TRANSIENT,
    ),
    ResourceType(
        token="aws:ec2/routeTable:RouteTable",
        service="ec2",
        operation="CreateRouteTable",
        create=_create_route_table,
        read=_read_route_table,
        delete=_deleted("DeleteRouteTable", "RouteTableId"),
        updates=(Update(("routes",), _change_routes), Update(("tags",), change_tags)),
        names={"routes": None, "tags": None},
        immutable=("vpcId",),
        computed=("routes",),
        unordered=("routes",),
        unsupported=("propagatingVgws", *_ROUTE_UNSUPPORTED),
        transient=TRANSIENT,
    ),
    ResourceType(
        token="aws:ec2/routeTableAssociation:RouteTableAssociation",
        service="ec2",
        operation="AssociateRouteTable",
        create=_associate,
        read=_read_association,
        delete=_deleted("DisassociateRouteTable", "AssociationId"),
        immutable=("subnetId", "gatewayId", "routeTableId"),
        # A subnet is associated with one route table.
        deletes_first=True,
        transient=TRANSIENT,
    ),
)  # fmt: skip
