"""The user records in a record that the Kinesis Producer Library aggregated.

The format: four magic bytes, a protobuf message, its MD5 digest.
https://docs.aws.amazon.com/streams/latest/dev/kinesis-kpl-consumer-deaggregation.html
https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

import hashlib
from collections.abc import Iterator

MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16

# Fields of AggregatedRecord and of Record, wire types of protobuf.
_PARTITION_KEY_TABLE, _RECORDS = 1, 3
_PARTITION_KEY_INDEX, _DATA = 1, 3
_VARINT, _LENGTH_DELIMITED = 0, 2


def user_records(partition_key: str, data: bytes) -> list[tuple[str, bytes]]:
    """The partition key and data of every user record; a record that is no aggregate is its only one."""
    message = data[len(MAGIC) : -_DIGEST_BYTES]
    if not data.startswith(MAGIC) or hashlib.md5(message, usedforsecurity=False).digest() != data[-_DIGEST_BYTES:]:
        return [(partition_key, data)]
    keys: list[str] = []
    found: list[tuple[int, bytes]] = []
    for number, value in _fields(message):
        if number == _PARTITION_KEY_TABLE and isinstance(value, bytes):
            keys.append(value.decode())
        elif number == _RECORDS and isinstance(value, bytes):
            fields = dict(_fields(value))
            index, content = fields.get(_PARTITION_KEY_INDEX, 0), fields.get(_DATA, b"")
            if isinstance(index, int) and isinstance(content, bytes):
                found.append((index, content))
    return [(keys[index], content) for index, content in found]


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message of varints and length-delimited values."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        value, position = _varint(message, position)
        if tag & 7 == _LENGTH_DELIMITED:
            yield tag >> 3, message[position : position + value]
            position += value
        elif tag & 7 == _VARINT:
            yield tag >> 3, value
        else:
            raise ValueError(f"Wire type {tag & 7} is not used by aggregated records.")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
