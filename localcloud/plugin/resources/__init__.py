"""The table of resource types: which module holds the entries of which `pulumi_aws` module. Loaded as they are used."""

import functools
import importlib
from collections.abc import Iterator, Mapping

from localcloud.plugin.checking import suggest
from localcloud.plugin.errors import UnknownResourceError
from localcloud.plugin.resource import ResourceType

_MODULES: Mapping[str, tuple[str, ...]] = {
    "athena": ("athena",),
    "cloudwatch": ("cloudwatch", "events", "logs"),
    "dynamodb": ("dynamodb", "dynamodb_attachments"),
    "ec2": ("ec2", "ec2_endpoints", "ec2_security"),
    "elasticache": ("elasticache",),
    "glue": ("glue",),
    "iam": ("iam",),
    "iot": ("iot",),
    "kinesis": ("kinesis", "firehose"),
    "kms": ("kms",),
    "lambda": ("lambda_function", "lambda_layers", "lambda_attachments", "lambda_events"),
    "opensearch": ("opensearch",),
    "s3": ("s3_bucket", "s3_metrics", "s3_objects", "s3_settings"),
    "sfn": ("stepfunctions",),
    "sns": ("sns",),
    "sqs": ("sqs",),
    "ssm": ("ssm",),
    "vpc": ("ec2_security",),
}


def find(token: str) -> ResourceType:
    """The entry of a resource type.

    Raises
    ------
    UnknownResourceError
        If the table has none.
    """
    found = _entries(token.removeprefix("aws:").partition("/")[0]).get(token)
    if found is None:
        tokens = [resource.token for resource in every()]
        raise UnknownResourceError(
            f"The local stand-in for the aws provider does not cover the resource type {token}. "
            f"{suggest(token, tokens)} Use a covered type, or add an entry as docs/adding-a-resource-type.md describes."
        )
    return found


def every() -> Iterator[ResourceType]:
    """All entries; loads every module."""
    for module in _MODULES:
        yield from (entry for token, entry in _entries(module).items() if token.startswith(f"aws:{module}/"))


@functools.cache
def _entries(module: str) -> Mapping[str, ResourceType]:
    loaded = [importlib.import_module(f"{__name__}.{part}") for part in _MODULES.get(module, ())]
    return {resource.token: resource for part in loaded for resource in part.RESOURCES}
