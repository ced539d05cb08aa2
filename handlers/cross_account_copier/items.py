"""Decides what each Kinesis record becomes: its items, their keys and their table.

A record's item is its JSON object, without the attributes that are null or empty strings at the top level, plus
`sequenceNumber`, `shardId` and `seqNumbershardIdHash`, which replace attributes of the same names. Inside lists and
maps nulls and empty strings stay: DynamoDB stores them (handlers.cross_account_copier.dynamodb_json).

Key: hash `seqNumbershardIdHash` is the last digits but one of the sequence number, `_` and the shard; range
`sequenceNumber` is the sequence number, so that reading the stream again overwrites and never duplicates. A record of
an aggregate has the sequence number of the aggregate, a dot and its sub-sequence number in seven digits, which keeps
siblings apart and in order; its hash is that of the aggregate.
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from handlers.cross_account_copier.dynamodb_json import decode, encode
from handlers.cross_account_copier.kpl import is_aggregate, take_apart
from handlers.shared.batch_write import ItemKey
from handlers.shared.errors import RecordError
from handlers.shared.ordered import Entry

__all__ = ["HASH_NAME", "RANGE_NAME", "entries_of"]

HASH_NAME = "seqNumbershardIdHash"
RANGE_NAME = "sequenceNumber"
SHARD_NAME = "shardId"

Record = Mapping[str, Any]


def entries_of(records: Iterable[Record], table_of: Callable[[float], str]) -> Iterator[Entry]:
    """The items of Kinesis records, as Lambda passes them, in order.

    `table_of` gives the table for an arrival time in seconds since 1970. Raises RecordError at the first record that
    cannot become an item.
    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (example event)
    """
    for position, record in enumerate(records):
        kinesis = record["kinesis"]
        sequence_number = kinesis["sequenceNumber"]
        shard = record["eventID"].partition(":")[0]
        try:
            table = table_of(kinesis["approximateArrivalTimestamp"])
            for suffix, data in _payloads(kinesis["data"]):
                yield _entry(position, table, sequence_number, suffix, shard, data)
        except ValueError as error:
            raise RecordError(position, str(error)) from None


def _payloads(encoded: str) -> Iterable[tuple[str, bytes]]:
    """What the record holds, each with the suffix that tells it from its siblings."""
    try:
        data = a2b_base64(encoded)
    except Error:
        raise ValueError("its data is not base64") from None
    if not is_aggregate(data):
        return (("", data),)
    return ((f".{index:07}", payload) for index, payload in enumerate(take_apart(data).payloads))


def _entry(position: int, table: str, sequence_number: str, suffix: str, shard: str, data: bytes) -> Entry:
    document = {name: value for name, value in decode(data).items() if value is not None and value != ""}
    hash_key = document[HASH_NAME] = f"{sequence_number[-3:-1]}_{shard}"
    range_key = document[RANGE_NAME] = sequence_number + suffix
    document[SHARD_NAME] = shard
    return Entry(position, ItemKey(table, f"S:{hash_key}", f"S:{range_key}"), encode(document))
