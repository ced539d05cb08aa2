"""The one table of names between Pulumi and Terraform: what differs from camelCase → snake_case.

pulumi-aws is made from the same provider: its names are Terraform's in camelCase, blocks of which there can be one are
objects in place of lists, and lists of blocks have their plural as name.
https://github.com/pulumi/pulumi-terraform-bridge/blob/main/docs/naming.md
"""

import re
from collections.abc import Mapping

# Of every type. Where Terraform has the plural too, RENAMED says so.
SINGULAR = {
    "attributes": "attribute",
    "globalSecondaryIndexes": "global_secondary_index",
    "localSecondaryIndexes": "local_secondary_index",
    "metricQueries": "metric_query",
    "rules": "rule",
    "transitions": "transition",
}

# Type and name (dotted, list indexes left out) → Terraform's name.
RENAMED: Mapping[tuple[str, str], str] = {
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "name"): "alarm_name",
    ("aws:ec2/routeTable:RouteTable", "routes"): "route",
    ("aws:lambda/function:Function", "name"): "function_name",
    ("aws:lambda/permission:Permission", "function"): "function_name",
}

# Types that Terraform calls otherwise than after their module. Those of networks are older than that rule.
TYPES: Mapping[str, str] = {
    "aws:ec2/routeTable:RouteTable": "aws_route_table",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "aws_route_table_association",
    "aws:ec2/securityGroup:SecurityGroup": "aws_security_group",
    "aws:ec2/subnet:Subnet": "aws_subnet",
    "aws:ec2/vpc:Vpc": "aws_vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "aws_vpc_endpoint",
}

# Objects whose keys are the user's: left as they are.
MAPS = frozenset({"dimensions", "tags", "variables"})
# The same where other types have blocks of that name.
MAPS_OF = frozenset(
    {
        ("aws:glue/catalogTable:CatalogTable", "parameters"),
        ("aws:glue/catalogTable:CatalogTable", "storageDescriptor.serDeInfo.parameters"),
    }
)


def type_name(token: str) -> str:
    """`aws:cloudwatch/metricAlarm:MetricAlarm` → `aws_cloudwatch_metric_alarm`."""
    module, _, name = token.removeprefix("aws:").partition(":")
    return TYPES.get(token) or f"aws_{module.split('/')[0]}_{snake(name)}"


def argument(token: str, path: str) -> str:
    """Terraform's name of the property at `path`."""
    name = path.rpartition(".")[2]
    return RENAMED.get((token, path)) or SINGULAR.get(name) or snake(name)


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
