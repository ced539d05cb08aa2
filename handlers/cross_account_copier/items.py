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

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from handlers.cross_account_copier.dynamodb_json import decode, encode
from handlers.shared.batch_write import ItemKey
from handlers.shared.errors import NotYetError
from handlers.shared.kinesis_records import Payload, payloads_of
from handlers.shared.ordered import Entry
from handlers.shared.poison import Poison, undecidable
from handlers.shared.streams import shard_of

__all__ = ["HASH_NAME", "RANGE_NAME", "entries_of"]

HASH_NAME = "seqNumbershardIdHash"
RANGE_NAME = "sequenceNumber"
SHARD_NAME = "shardId"

Record = Mapping[str, Any]


def entries_of(
    records: Iterable[Record], table_of: Callable[[float | None], str], applied_parts: Callable[[], int] = lambda: 0
) -> Iterator[Entry | Poison]:
    """The items of Kinesis records, as Lambda passes them, in order, and the records that cannot become items.

    `table_of` gives the table for an arrival time in seconds since 1970, None where the record has none; it raises
    NotYetError where there is no table yet. `applied_parts` says how many records of the first one, an aggregate, need
    not be applied again. Raises NotYetError at the first record without a table.
    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (example event)
    """
    for position, record in enumerate(records):
        try:
            kinesis = record["kinesis"]
            sequence_number, shard = kinesis["sequenceNumber"], shard_of(record)
            table = table_of(kinesis.get("approximateArrivalTimestamp"))
            payloads = payloads_of(kinesis)
        except NotYetError as wait:
            raise NotYetError(wait.reason, position) from None
        except Exception as error:
            yield undecidable(position, error)
            continue
        start = applied_parts() if position == 0 and len(payloads) > 1 else 0
        for payload in payloads[start:] if start else payloads:
            try:
                entry = _entry(position, payload, table, sequence_number, shard)
            except Exception as error:
                yield undecidable(position, error, payload.part)
            else:
                yield entry


def _entry(position: int, payload: Payload, table: str, sequence_number: str, shard: str) -> Entry:
    hash_key, range_key = f"{sequence_number[-3:-1]}_{shard}", sequence_number + payload.suffix
    own = {RANGE_NAME: range_key, SHARD_NAME: shard, HASH_NAME: hash_key}
    item = encode(decode(payload.data), own)
    return Entry(position, ItemKey(table, f"S:{hash_key}", f"S:{range_key}"), item, payload.part)
