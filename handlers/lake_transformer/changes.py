"""Reads a change record of a table and writes it as one line: what happened, when, to which item, and the item.

The record is what DynamoDB writes to a Kinesis stream; its time is in milliseconds unless it says otherwise.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_EnableKinesisStreamingConfiguration.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from handlers.lake_transformer.flattening import Flattener, TangledError
from handlers.shared.plain_json import string_text

__all__ = ["OLD_PREFIX", "SEQUENCE", "ChangeWriter", "change_of"]

Change = Mapping[str, Any]

OLD_PREFIX = "change_old__"
# What a record that was put back to its stream carries: the sequence number that it had at first.
SEQUENCE = "tributarySequenceNumber"

# AWS's sequence numbers have 56 digits; filled up to that they are in order as text.
SEQUENCE_DIGITS = 56
_DYNAMODB = "aws:dynamodb"
_MICROSECONDS = "MICROSECOND"

# A line beyond this has so many or so long names that nobody could query it: its item comes whole, in one column.
MAX_LINE_CHARACTERS = 1_500_000

_key_text = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_whole_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def change_of(data: bytes) -> Change:
    """The change that a record's data holds. Raises ValueError when it is none."""
    try:
        change = json.loads(data)
        if change["eventName"] not in ("INSERT", "MODIFY", "REMOVE", "SNAPSHOT"):
            raise ValueError("its eventName is none of INSERT, MODIFY, REMOVE")
        if not change["dynamodb"]["Keys"]:
            raise ValueError("it has no keys")
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no change record of a table ({error!r})") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError("it is not JSON") from None
    return change  # type: ignore[no-any-return]


class ChangeWriter:
    """Writes changes as lines; `old` flattens old images, None leaves them out."""

    def __init__(self, new: Flattener, old: Flattener | None) -> None:
        self._new = new
        self._old = old

    def line(self, change: Change, sequence_number: str) -> bytes:
        """One change as a line of JSON in UTF-8, its newline included.

        `sequence_number` is that of the record in the Kinesis stream, or empty.
        """
        stream = change["dynamodb"]
        own = _own_cells(change, stream, sequence_number)
        new, old = stream.get("NewImage") or stream["Keys"], stream.get("OldImage") if self._old else None
        try:
            cells, names, types = self._new.flatten(new)
            if old:
                old_cells, old_names, old_types = self._old.flatten(old)  # type: ignore[union-attr]
                cells, names, types = cells | old_cells, names + old_names, types + old_types
            line = _line(own, [cell + value for cell, value in cells.items()], names, types)
            if len(line) <= MAX_LINE_CHARACTERS:
                return line.encode()
        except TangledError:
            pass
        return _line(own, _whole_cells(self._new.redacted(new), old and self._new.redacted(old)), [], []).encode()


def _own_cells(change: Change, stream: Mapping[str, Any], sequence_number: str) -> str:
    time_us, time_text = _time(stream)
    sequence_number = change.get(SEQUENCE) or sequence_number
    rank = 1 if change.get("eventSource", _DYNAMODB) == _DYNAMODB else 0
    user = change.get("userIdentity")
    actor = f',"change_actor":{string_text(str(user.get("principalId", "")))}' if user else ""
    return (
        f'{{"change_event":"{change["eventName"]}","change_time":"{time_text}","change_time_us":{time_us},'
        f'"change_order":"{time_us:017d}-{rank}-{sequence_number:0>{SEQUENCE_DIGITS}}",'
        f'"change_id":{string_text(str(change.get("eventID", "")))},'
        f'"change_table":{string_text(str(change.get("tableName", "")))},'
        f'"change_key":{string_text(_key_text(stream["Keys"]))}{actor}'
    )


def _line(own: str, cells: list[str], names: list[str], types: list[str]) -> str:
    if names:
        cells.append(_members("change_names", names))
    if types:
        cells.append(_members("change_types", types))
    return f"{own},{','.join(cells)}}}\n"


def _members(column: str, members: list[str]) -> str:
    """A cell whose value is an object as text."""
    return f'"{column}":{string_text("{" + ",".join(members) + "}")}'


def _whole_cells(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[str]:
    cells = [f'"change_item":{string_text(_whole_text(new))}']
    if old:
        cells.append(f'"change_old_item":{string_text(_whole_text(old))}')
    return cells


def _time(stream: Mapping[str, Any]) -> tuple[int, str]:
    """Microseconds since 1970, and the time in UTC as text, with as many digits as the record has."""
    value = int(stream["ApproximateCreationDateTime"])
    if stream.get("ApproximateCreationDateTimePrecision") == _MICROSECONDS:
        seconds, part = divmod(value, 1_000_000)
        return value, f"{_second(seconds)}.{part:06d}"
    seconds, part = divmod(value, 1_000)
    return value * 1_000, f"{_second(seconds)}.{part:03d}"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
