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
    ("aws:lambda/function:Function", "name"): "function_name",
    ("aws:lambda/permission:Permission", "function"): "function_name",
}

# Objects whose keys are the user's: left as they are.
MAPS = frozenset({"dimensions", "tags", "variables"})


def type_name(token: str) -> str:
    """`aws:cloudwatch/metricAlarm:MetricAlarm` → `aws_cloudwatch_metric_alarm`."""
    module, _, name = token.removeprefix("aws:").partition(":")
    return f"aws_{module.split('/')[0]}_{snake(name)}"


def argument(token: str, path: str) -> str:
    """Terraform's name of the property at `path`."""
    name = path.rpartition(".")[2]
    return RENAMED.get((token, path)) or SINGULAR.get(name) or snake(name)


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
