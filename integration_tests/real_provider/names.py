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
    "catalogTargets": "catalog_target",
    "globalSecondaryIndexes": "global_secondary_index",
    "localSecondaryIndexes": "local_secondary_index",
    "metricQueries": "metric_query",
    "rules": "rule",
    "s3Targets": "s3_target",
    "transitions": "transition",
}

# Type and name (dotted, list indexes left out) → Terraform's name.
RENAMED: Mapping[tuple[str, str], str] = {
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "name"): "alarm_name",
    ("aws:lambda/function:Function", "name"): "function_name",
}

# Types whose names differ in more.
TYPES = {"aws:s3/bucketReplicationConfig:BucketReplicationConfig": "aws_s3_bucket_replication_configuration"}

# Objects whose keys are the user's, and are left as they are: everywhere, and of one type.
MAPS = frozenset({"dimensions", "tags", "variables"})
MAPS_OF = {
    "aws:glue/catalogDatabase:CatalogDatabase": frozenset({"parameters"}),
    "aws:glue/catalogTable:CatalogTable": frozenset({"parameters"}),
}


def type_name(token: str) -> str:
    """`aws:cloudwatch/metricAlarm:MetricAlarm` → `aws_cloudwatch_metric_alarm`."""
    module, _, name = token.removeprefix("aws:").partition(":")
    return TYPES.get(token) or f"aws_{module.split('/')[0]}_{snake(name)}"


def argument(token: str, path: str) -> str:
    """Terraform's name of the property at `path`."""
    name = path.rpartition(".")[2]
    return RENAMED.get((token, path)) or SINGULAR.get(name) or snake(name)


def is_map(token: str, path: str) -> bool:
    """Whether the keys of the object at `path` are the user's."""
    return path.rpartition(".")[2] in MAPS | MAPS_OF.get(token, frozenset())


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
