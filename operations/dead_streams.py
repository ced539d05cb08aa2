"""Finds mappings that read a table's stream which is no longer the table's: it was switched off, perhaps on again.

Lambda goes on reading the old stream, Enabled and without an error, while changes go into the new one. What was changed
in between is in neither.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html: a stream that is enabled anew is another
stream, with another descriptor
"""

from collections.abc import Iterable
from typing import Any

from operations.instances import Instance
from operations.instruments.failures import table_of_stream


def told(at: Instance, functions: Iterable[str], setting: str | None = None) -> list[str]:
    """What to know of each such mapping of these functions. `setting` names the stream, where the stack file does."""
    dynamodb, lambda_ = at.client("dynamodb"), at.client("lambda")
    found = []
    for function in functions:
        pages = lambda_.get_paginator("list_event_source_mappings").paginate(FunctionName=function)
        arns = [mapping["EventSourceArn"] for page in pages for mapping in page["EventSourceMappings"]]
        found += [line for arn in arns if (line := _dead(at.stack.name, dynamodb, function, arn, setting))]
    return found


def _dead(stack: str, dynamodb: Any, function: str, source_arn: str, setting: str | None) -> str | None:
    if source_arn.split(":")[2] != "dynamodb":
        return None
    table = table_of_stream(source_arn)
    description = dynamodb.describe_table(TableName=table)["Table"]
    on = description.get("StreamSpecification", {}).get("StreamEnabled", False)
    latest = description.get("LatestStreamArn")
    if on and latest == source_arn:
        return None
    now = f"the stream of `{table}` is {latest} now" if on else f"`{table}` has no stream now"
    return (
        f"`{function}` reads {source_arn}, which was switched off: {now}, and what changes does not reach the "
        f"function. {_mended(stack, setting, on)} Then `tributary repair {stack}` mends what no stream holds any more."
    )


def _mended(stack: str, setting: str | None, on: bool) -> str:
    if setting is None:
        return f"Type `tributary up {stack} --refresh`: it makes the mapping read the table's stream."
    first = "Put its ARN" if on else "Switch the stream on, put its ARN"
    return f"{first} into `{setting}` of Pulumi.{stack}.yaml and type `tributary up {stack}`."
