"""What a Kinesis record holds: its data, or the records of an aggregate; and one record of an aggregate by itself."""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from handlers.shared.kpl import Aggregate, is_aggregate, take_apart
from handlers.shared.streams import PART, data_of, part_suffix

__all__ = ["Payload", "alone", "payloads_of"]


class Payload(NamedTuple):
    """A producer's data. In an aggregate `part` is its index, and `suffix` tells its key from those of its siblings."""

    data: bytes
    part: int | None = None
    suffix: str = ""


def payloads_of(kinesis: Mapping[str, Any]) -> Sequence[Payload]:
    """The producer's records in a Kinesis record as Lambda passes it; in one that `alone` made, that one record.

    Raises ValueError for what is not base64, or not an aggregate although it looks like one.
    """
    data = data_of(kinesis)
    if PART in kinesis:
        return (Payload(data, None, part_suffix(kinesis[PART])),)
    if not is_aggregate(data):
        return (Payload(data),)
    return [Payload(data, part, part_suffix(part)) for part, data in enumerate(_aggregate(kinesis["data"]).payloads)]


def alone(record: Mapping[str, Any], part: int) -> Mapping[str, Any]:
    """The Kinesis record that holds one record of an aggregate, which becomes the same item as in the aggregate.

    A record that stands alone already stays as it is.
    """
    kinesis = record["kinesis"]
    if PART in kinesis:
        return record
    aggregate = _aggregate(kinesis["data"])
    data = b64encode(aggregate.payloads[part]).decode()
    key = aggregate.key_table[aggregate.key_indexes[part]].decode()
    return {**record, "kinesis": {**kinesis, "partitionKey": key, "data": data, "aggregated": True, PART: part}}


# An aggregate with poison in it is looked at again for each of them.
@lru_cache(maxsize=1)
def _aggregate(encoded: str) -> Aggregate:
    return take_apart(a2b_base64(encoded))
