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

__all__ = ["Aggregate", "is_aggregate", "take_apart"]

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


class Aggregate(NamedTuple):
    """The records of an aggregate, in order: the index of each is its sub-sequence number.

    `payloads` are their data. Of their keys there are the message's tables and the indexes into them, since most
    consumers have no use for keys.
    """

    payloads: list[bytes]
    key_indexes: list[int]
    hash_key_indexes: list[int | None]
    key_table: list[bytes]
    hash_key_table: list[bytes]

    def partition_keys(self) -> list[str]:
        """The partition key of each record."""
        return [self.key_table[index].decode() for index in self.key_indexes]

    def explicit_hash_keys(self) -> list[str | None]:
        """The explicit hash key of each record, None where its producer gave none."""
        return [None if index is None else self.hash_key_table[index].decode() for index in self.hash_key_indexes]


def is_aggregate(data: bytes) -> bool:
    """Whether a Kinesis record's data is an aggregate: by its magic bytes and by its digest."""
    if not data.startswith(MAGIC) or len(data) <= len(MAGIC) + DIGEST_BYTES:
        return False
    message = memoryview(data)[len(MAGIC) : -DIGEST_BYTES]
    return md5(message, usedforsecurity=False).digest() == data[-DIGEST_BYTES:]


def take_apart(data: bytes) -> Aggregate:
    """The records of an aggregate (see `is_aggregate`). Tags are ignored.

    Raises ValueError when the message is not of the format although its digest is right.
    """
    try:
        return _aggregate(data, len(MAGIC), len(data) - DIGEST_BYTES)
    except (IndexError, ValueError) as error:
        raise ValueError(f"the aggregate's message is malformed: {error}") from None


def _aggregate(data: bytes, position: int, end: int) -> Aggregate:
    """The AggregatedRecord message in data[position:end].

    What the Kinesis Producer Library writes is read in place: lengths of one or two bytes, and Records that have their
    indexes, of one byte, before their data. A function call for each would take longer than everything else.
    """
    payloads, key_indexes, hash_key_indexes, key_table, hash_key_table = found = Aggregate([], [], [], [], [])
    while position < end:
        field, size, start = data[position], data[position + 1], position + 2
        if field not in _FIELDS:
            position = _skip(data, position)
            continue
        if size > 127:
            size, start = size - 128 + (data[start] << 7), start + 1
            if size > 16383:
                size, start = _varint(data, position + 1)
        position = start + size
        if field == _RECORD:
            key, hash_key, at = data[start + 1], None, start + 2
            if data[at] == _EXPLICIT_HASH_KEY_INDEX:
                hash_key, at = data[at + 1], at + 2
            data_tag, size, at = data[at], data[at + 1], at + 2
            if size > 127:
                size, at = size - 128 + (data[at] << 7), at + 1
            if (
                at + size == position
                and size < 16384
                and data_tag == _DATA
                and key < 128
                and (hash_key is None or hash_key < 128)
                and data[start] == _PARTITION_KEY_INDEX
            ):
                payloads.append(data[at:position])
            else:
                key, hash_key, payload = _record(data, start, position)
                payloads.append(payload)
            key_indexes.append(key)
            hash_key_indexes.append(hash_key)
        else:
            (key_table if field == _PARTITION_KEY else hash_key_table).append(data[start:position])
    if position != end:
        raise ValueError("a field is longer than the message")
    if max(key_indexes, default=-1) >= len(key_table):
        raise ValueError("a record's partition key is not in the table")
    if max((index for index in {*hash_key_indexes} if index is not None), default=-1) >= len(hash_key_table):
        raise ValueError("a record's explicit hash key is not in the table")
    return found


_FIELDS = frozenset((_PARTITION_KEY, _EXPLICIT_HASH_KEY, _RECORD))


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
