"""Splits, partitions and delimits records before they are buffered.

https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-partitioning-keys.html
https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-multirecord-deaggergation.html
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from localcloud.emulator.firehose.destinations import Destination
from localcloud.emulator.firehose.errors import RecordError
from localcloud.emulator.firehose.prefixes import EXPRESSION, MAX_EVALUATED_LENGTH, data_prefix, local_time
from localcloud.emulator.firehose.records import Record, new_record_id

# "Once the number of active partitions reaches the limit of 500 per stream, the rest of the records … are delivered to
# the error bucket prefix." https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning.html
MAX_ACTIVE_PARTITIONS = 500

# "For multi record de-aggregation, you can not put more than 500 records"; more leave the blob as it is.
# https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecord.html
MAX_SUB_RECORDS = 500

_FAILED = "DynamicPartitioning.MetadataExtractionFailed"

# A partition: the values of the keys of its prefix, in the order of the expressions.
Partition = tuple[str, ...]
Keys = Mapping[str, Mapping[str, str]]


def split(record: Record, delimiter: bytes) -> list[Record]:
    """The sub-records of an aggregated record: parts between `delimiter`s, or concatenated JSON when it is empty.

    What is not an aggregate stays one record.
    """
    parts = [part for part in record.data.split(delimiter) if part] if delimiter else _json_parts(record.data)
    if not 1 < len(parts) <= MAX_SUB_RECORDS:
        return [replace(record, data=parts[0])] if len(parts) == 1 else [record]
    return [replace(record, data=part, record_id=new_record_id()) for part in parts]


def _json_parts(data: bytes) -> list[bytes]:
    """The JSON values that stand one after the other; empty when something else is among them."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return []
    decoder, position, parts = json.JSONDecoder(), 0, []
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        try:
            _, end = decoder.raw_decode(text, position)
        except ValueError:
            return []
        parts.append(text[position:end].encode())
        position = end
    return parts


@functools.lru_cache(maxsize=64)
def program(query: str) -> Any:
    """The compiled jq query. Raises ValueError when it is not valid jq."""
    import jq  # only streams with inline parsing need it

    return jq.compile(query)


def partition(record: Record, destination: Destination) -> tuple[Partition, Keys]:
    """The partition that a record belongs to, and its keys by namespace. Raises RecordError when a key has no value."""
    keys = {"partitionKeyFromLambda": record.partition_keys}
    if destination.query is not None:
        keys["partitionKeyFromQuery"] = _query_keys(destination.query, record.data)
    values = []
    for namespace, name in EXPRESSION.findall(destination.prefix):
        if namespace.startswith("partitionKeyFrom"):
            value = keys.get(namespace, {}).get(name)
            if not value:
                raise RecordError(_FAILED, "partitionKeys values must not be null or empty")
            values.append(value)
    prefix = data_prefix(destination.prefix, local_time(record.arrival_ms, destination.time_zone), keys)
    if len(prefix) > MAX_EVALUATED_LENGTH:
        raise RecordError(_FAILED, f"The evaluated S3 prefix is longer than {MAX_EVALUATED_LENGTH} characters")
    return tuple(values), keys


def _query_keys(query: str, data: bytes) -> dict[str, str]:
    try:
        document = data.decode()
        json.loads(document)
    except ValueError as error:
        raise RecordError(_FAILED, "Non JSON record provided") from error
    try:
        found = program(query).input_text(document).first()
    except (ValueError, StopIteration) as error:
        raise RecordError(_FAILED, f"The metadata extraction query failed: {error}") from error
    if not isinstance(found, dict):
        raise RecordError(_FAILED, "The metadata extraction query did not return a JSON object")
    return {key: _scalar(value) for key, value in found.items()}


def _scalar(value: object) -> str:
    if value is None or isinstance(value, (dict, list)) or value == "":
        raise RecordError(_FAILED, "partitionKeys values must not be null or empty")
    return value if isinstance(value, str) else json.dumps(value)
