"""Looks for networks and what is in them: EC2 names nothing, so they are found by where they are and what they say."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.access import Account
from operations.looks.common import Inputs, Look, first


def _listed(account: Account, operation: str, key: str, **filters: str) -> Iterator[Any]:
    """What EC2 lists that all of these filters let through; `_` in a filter's name stands for `-`."""
    wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
    for page in account.client("ec2").get_paginator(operation).paginate(Filters=wanted):
        yield from page[key]


def _vpc(account: Account, inputs: Inputs) -> str | None:
    """A network has no name: one of this block that has no subnets yet."""
    used = {subnet["VpcId"] for subnet in _listed(account, "describe_subnets", "Subnets")}
    vpcs = _listed(account, "describe_vpcs", "Vpcs", cidr=inputs["cidrBlock"])
    return first(vpc["VpcId"] for vpc in vpcs if vpc["VpcId"] not in used)


def _subnet(account: Account, inputs: Inputs) -> str | None:
    place = {"vpc_id": inputs["vpcId"], "cidr_block": inputs["cidrBlock"]}
    return first(subnet["SubnetId"] for subnet in _listed(account, "describe_subnets", "Subnets", **place))


def _route_table(account: Account, inputs: Inputs) -> str | None:
    """Beside the main one, which comes with the network."""
    tables = _listed(account, "describe_route_tables", "RouteTables", vpc_id=inputs["vpcId"])
    return first(
        table["RouteTableId"] for table in tables if not any(one.get("Main") for one in table.get("Associations", []))
    )


def _association(account: Account, inputs: Inputs) -> str | None:
    table, subnet = inputs["routeTableId"], inputs["subnetId"]
    tables = _listed(account, "describe_route_tables", "RouteTables", route_table_id=table)
    associations = (one for table in tables for one in table.get("Associations", []))
    return first(f"{subnet}/{table}" for one in associations if one.get("SubnetId") == subnet)


def _security_group(account: Account, inputs: Inputs) -> str | None:
    place = {"vpc_id": inputs["vpcId"], "group_name": inputs["name"]}
    groups = _listed(account, "describe_security_groups", "SecurityGroups", **place)
    return first(group["GroupId"] for group in groups)


def _security_group_rule(egress: bool) -> Look:
    def look(account: Account, inputs: Inputs) -> str | None:
        group = inputs["securityGroupId"]
        rules = _listed(account, "describe_security_group_rules", "SecurityGroupRules", group_id=group)
        return first(
            rule["SecurityGroupRuleId"]
            for rule in rules
            if rule["IsEgress"] is egress
            and rule.get("ReferencedGroupInfo", {}).get("GroupId") == inputs.get("referencedSecurityGroupId")
            and rule.get("CidrIpv4") == inputs.get("cidrIpv4")
        )

    return look


def _vpc_endpoint(account: Account, inputs: Inputs) -> str | None:
    place = {"vpc_id": inputs["vpcId"], "service_name": inputs["serviceName"]}
    endpoints = _listed(account, "describe_vpc_endpoints", "VpcEndpoints", **place)
    return first(one["VpcEndpointId"] for one in endpoints if one["State"].lower() not in ("deleting", "deleted"))


NETWORKS: Mapping[str, Look] = {
    "aws:ec2/routeTable:RouteTable": _route_table,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _association,
    "aws:ec2/securityGroup:SecurityGroup": _security_group,
    "aws:ec2/subnet:Subnet": _subnet,
    "aws:ec2/vpc:Vpc": _vpc,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _vpc_endpoint,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _security_group_rule(egress=True),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _security_group_rule(egress=False),
}
