"""The table of destinations: a type of the mapping table and the module that knows it.

A module is imported when the first row of its type is read; each has `DESTINATION`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from handlers.fan_out.contract import Destination

__all__ = ["TYPES", "destination_of"]

TYPES: Mapping[str, str] = {
    "sns": "handlers.fan_out.destinations.sns",
    "sqs": "handlers.fan_out.destinations.sqs",
    "es": "handlers.fan_out.destinations.opensearch",
    "kinesis": "handlers.fan_out.destinations.kinesis",
    "firehose": "handlers.fan_out.destinations.firehose",
    "iot": "handlers.fan_out.destinations.iot",
    "lambda": "handlers.fan_out.destinations.lambda_function",
    "memcached": "handlers.fan_out.destinations.memcached",
    "redis": "handlers.fan_out.destinations.redis",
}


def destination_of(kind: str) -> Destination:
    """The destination of a type of `TYPES`."""
    found: Destination = import_module(TYPES[kind]).DESTINATION
    return found
