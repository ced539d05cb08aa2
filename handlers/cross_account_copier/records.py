"""What a Kinesis record holds: its data, or the records of an aggregate; and one record of an aggregate by itself."""

from __future__ import annotations

from base64 import b64encode
from binascii import Error, a2b_base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from handlers.cross_account_copier.kpl import is_aggregate, take_apart

__all__ = ["Payload", "alone", "payloads_of"]

# What says which record of an aggregate stands by itself: the name that the Kinesis Client Library has for it.
# https://github.com/awslabs/amazon-kinesis-client (KinesisClientRecord.subSequenceNumber)
PART = "subSequenceNumber"


class Payload(NamedTuple):
    """A producer's data. In an aggregate `part` is its index, and `suffix` tells its key from those of its siblings."""

    data: bytes
    part: int | None = None
    suffix: str = ""


def payloads_of(kinesis: Mapping[str, Any]) -> Sequence[Payload]:
    """The producer's records in a Kinesis record as Lambda passes it; in one that `alone` made, that one record.

    Raises ValueError for what is not base64, or not an aggregate although it looks like one.
    """
    encoded = kinesis["data"]
    try:
        data = a2b_base64(encoded)
    except Error:
        raise ValueError("its data is not base64") from None
    if PART in kinesis:
        return (Payload(data, None, _suffix(kinesis[PART])),)
    return _parts(encoded) if is_aggregate(data) else (Payload(data),)


def alone(record: Mapping[str, Any], part: int) -> Mapping[str, Any]:
    """The Kinesis record that holds one record of an aggregate, which becomes the same item as in the aggregate."""
    kinesis = record["kinesis"]
    data = b64encode(_parts(kinesis["data"])[part].data).decode()
    return {**record, "kinesis": {**kinesis, "data": data, "aggregated": True, PART: part}}


# An aggregate with poison in it is looked at again for each of them.
@lru_cache(maxsize=1)
def _parts(encoded: str) -> Sequence[Payload]:
    payloads = take_apart(a2b_base64(encoded)).payloads
    return [Payload(data, part, _suffix(part)) for part, data in enumerate(payloads)]


def _suffix(part: int) -> str:
    return f".{part:07}"
