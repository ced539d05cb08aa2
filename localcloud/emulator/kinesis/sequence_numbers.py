"""Sequence numbers in AWS's shape: 56 decimal digits, increasing in a shard, a child shard's above its parents'.

A number is a function of the shard, the position in it and the time, so that none has to be stored and any can be
located again.
https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html#sequence-number
"""

from dataclasses import dataclass

_VERSION_BITS, _SHARD_BITS, _TIME_BITS, _INDEX_BITS = 4, 32, 36, 64
_INDEX_SHIFT = _VERSION_BITS + _SHARD_BITS + _TIME_BITS
_CREATED_SHIFT = _INDEX_SHIFT + _INDEX_BITS
_LEADING = 2 << 184  # what makes it 56 digits
_VERSION = 2


@dataclass(frozen=True)
class Located:
    """What a sequence number says: the shard's creation (s since the epoch) and index, and the record's index in it,
    from 1.

    Index 0 is the shard's StartingSequenceNumber, before its first record.
    """

    created_s: int
    shard_index: int
    index: int


def compose(created_s: int, shard_index: int, index: int, time_s: float) -> str:
    """The sequence number of the `index`-th record (from 1) of a shard, which arrived at `time_s`."""
    return str(
        _LEADING
        | created_s << _CREATED_SHIFT
        | index << _INDEX_SHIFT
        | int(time_s) << (_VERSION_BITS + _SHARD_BITS)
        | shard_index << _VERSION_BITS
        | _VERSION
    )


def locate(sequence_number: str) -> Located | None:
    """What a sequence number says, or None when it is none of ours."""
    if not sequence_number.isascii() or not sequence_number.isdigit():
        return None
    number = int(sequence_number) ^ _LEADING
    if number < 0 or number >> 184 or number & 0xF != _VERSION:
        return None
    return Located(
        created_s=number >> _CREATED_SHIFT,
        shard_index=(number >> _VERSION_BITS) & (2**_SHARD_BITS - 1),
        index=(number >> _INDEX_SHIFT) & (2**_INDEX_BITS - 1),
    )
