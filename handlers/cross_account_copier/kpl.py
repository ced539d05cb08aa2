"""Takes apart the aggregated records that the Kinesis Producer Library packs into one Kinesis record.

An aggregate is four magic bytes, a protocol buffers message and the message's MD5 digest; a record without both the
magic bytes and the right digest is an ordinary record.
https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md

    message AggregatedRecord {
        repeated string partition_key_table = 1;
        repeated string explicit_hash_key_table = 2;
        repeated Record records = 3;
    }
    message Record {
        required uint64 partition_key_index = 1;
        optional uint64 explicit_hash_key_index = 2;
        required bytes data = 3;
        repeated Tag tags = 4;
    }
"""

from __future__ import annotations

from hashlib import md5
from typing import NamedTuple

__all__ = ["UserRecord", "is_aggregate", "user_records"]

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16

# A field's tag is its number and its wire type (0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes).
# https://protobuf.dev/programming-guides/encoding/#structure
_PARTITION_KEY = 1 << 3 | 2
_EXPLICIT_HASH_KEY = 2 << 3 | 2
_RECORD = 3 << 3 | 2
_PARTITION_KEY_INDEX = 1 << 3 | 0
_EXPLICIT_HASH_KEY_INDEX = 2 << 3 | 0
_DATA = 3 << 3 | 2


class UserRecord(NamedTuple):
    """One record as its producer put it; its index among its siblings is its sub-sequence number."""

    partition_key: str
    explicit_hash_key: str | None
    data: bytes


def is_aggregate(data: bytes) -> bool:
    """Whether a Kinesis record's data is an aggregate: by its magic bytes and by its digest."""
    if not data.startswith(MAGIC) or len(data) <= len(MAGIC) + DIGEST_BYTES:
        return False
    message = memoryview(data)[len(MAGIC) : -DIGEST_BYTES]
    return md5(message, usedforsecurity=False).digest() == data[-DIGEST_BYTES:]


def user_records(data: bytes) -> list[UserRecord]:
    """The records of an aggregate (see `is_aggregate`), in order. Tags are ignored.

    Raises ValueError when the message is not of the format although its digest is right.
    """
    partition_keys: list[str] = []
    explicit_hash_keys: list[str] = []
    records: list[tuple[int, int | None, bytes]] = []
    position, end = len(MAGIC), len(data) - DIGEST_BYTES
    try:
        while position < end:
            tag = data[position]
            if tag not in _LENGTH_DELIMITED:
                position = _skip(data, position)
                continue
            size = data[position + 1]
            position += 2
            if size > 127:
                size, position = _varint(data, position - 1)
            start, position = position, position + size
            if position > end:
                raise ValueError("a field is longer than the message")
            if tag == _RECORD:
                records.append(_record(data, start, position))
            elif tag == _PARTITION_KEY:
                partition_keys.append(data[start:position].decode())
            else:
                explicit_hash_keys.append(data[start:position].decode())
        if position != end:
            raise ValueError("a field is longer than the message")
        return [
            UserRecord(partition_keys[key], None if hash_key is None else explicit_hash_keys[hash_key], payload)
            for key, hash_key, payload in records
        ]
    except (IndexError, ValueError) as error:
        raise ValueError(f"the aggregate's message is malformed: {error}") from None


_LENGTH_DELIMITED = frozenset((_PARTITION_KEY, _EXPLICIT_HASH_KEY, _RECORD))


def _record(data: bytes, position: int, end: int) -> tuple[int, int | None, bytes]:
    """The Record message in data[position:end]: partition key index, explicit hash key index, data."""
    key: int | None = None
    hash_key: int | None = None
    payload: bytes | None = None
    while position < end:
        field, tag, value = position, data[position], data[position + 1]
        position += 2
        if value > 127:
            value, position = _varint(data, position - 1)
        if tag == _DATA:
            start, position = position, position + value
            payload = data[start:position]
        elif tag == _PARTITION_KEY_INDEX:
            key = value
        elif tag == _EXPLICIT_HASH_KEY_INDEX:
            hash_key = value
        else:
            position = _skip(data, field)
    if position != end or key is None or payload is None:
        raise ValueError("a record is cut short")
    return key, hash_key, payload


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """The variable-length number at `position`, and the position after it."""
    number = shift = 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, position
        shift += 7
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")


def _skip(data: bytes, position: int) -> int:
    """The position after the field at `position`, which this format does not know or has no use for."""
    tag, position = _varint(data, position)
    wire_type = tag & 7
    if wire_type == 0:
        return _varint(data, position)[1]
    if wire_type == 2:
        size, position = _varint(data, position)
        return position + size
    if wire_type in _FIXED_BYTES:
        return position + _FIXED_BYTES[wire_type]
    raise ValueError(f"wire type {wire_type} is unknown")


_FIXED_BYTES = {1: 8, 5: 4}
