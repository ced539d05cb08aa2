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
from typing import Any, NamedTuple

from handlers.lake_transformer.flattening import Flattener, TangledError
from handlers.shared.plain_json import string_text

__all__ = [
    "MAX_LINE_CHARACTERS",
    "OLD_PREFIX",
    "SEQUENCE",
    "Change",
    "ChangeWriter",
    "Happening",
    "change_of",
    "happening_of",
]

Change = Mapping[str, Any]

OLD_PREFIX = "change_old__"
# What a record that was put back to its stream carries: the sequence number that it had at first.
SEQUENCE = "tributarySequenceNumber"

# AWS's sequence numbers have 56 digits; filled up to that they are in order as text.
SEQUENCE_DIGITS = 56
_DYNAMODB = "aws:dynamodb"
_MICROSECONDS = "MICROSECOND"
_EVENTS = frozenset({"INSERT", "MODIFY", "REMOVE", "SNAPSHOT"})

# A line beyond this has so many or so long names that nobody could query it: its item comes whole, in one column. In
# UTF-8 and base64 a line of this length still fits into one answer, whatever is in it.
MAX_LINE_CHARACTERS = 1_000_000

_key_text = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_whole_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Happening(NamedTuple):
    """What a record says of the change, but for its id and time; `put_back` is its first sequence number, if it was
    put back to its stream."""

    event: str
    in_microseconds: bool
    rank: int
    put_back: str | None

    def cells(self, event_id: str, time: int, sequence_number: str) -> str:
        """The first cells of the line, with its brace; `event_id` as JSON has it between quotes, `time` as the record.

        `sequence_number` is that of the record in its stream, or empty.
        """
        if self.in_microseconds:
            seconds, part = divmod(time, 1_000_000)
            text = f"{_second(seconds)}.{part:06d}"
        else:
            seconds, part = divmod(time, 1_000)
            text = f"{_second(seconds)}.{part:03d}"
            time *= 1_000
        place = (self.put_back or sequence_number).zfill(SEQUENCE_DIGITS)
        return (
            f'{{"change_event":"{self.event}","change_time":"{text}","change_time_us":{time},'
            f'"change_order":"{time:017d}-{self.rank}-{place}","change_id":"{event_id}",'
        )


def change_of(text: str) -> Change:
    """The change that a record's text holds. Raises ValueError when it is none."""
    try:
        change: Change = json.loads(text)
        if not change["dynamodb"]["Keys"]:
            raise ValueError("it has no keys")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no change record of a table ({type(error).__name__})") from None
    except json.JSONDecodeError:
        raise ValueError("it is not JSON") from None
    return change


def happening_of(change: Change) -> Happening:
    """What a change record says beside its item, its id and its time. Raises ValueError when it is no change."""
    event, stream = change["eventName"], change["dynamodb"]
    if event not in _EVENTS:
        raise ValueError("its eventName is none of INSERT, MODIFY, REMOVE")
    if event != "REMOVE" and not stream.get("NewImage"):
        raise ValueError("it has no new image")
    return Happening(
        event,
        stream.get("ApproximateCreationDateTimePrecision") == _MICROSECONDS,
        1 if change.get("eventSource", _DYNAMODB) == _DYNAMODB else 0,
        change.get(SEQUENCE),
    )


class ChangeWriter:
    """Writes changes as lines; `old` flattens old images, None leaves them out.

    With `whole_items` every line has its item whole as well, for files that keep only the columns that were declared.
    """

    def __init__(self, new: Flattener, old: Flattener | None, *, whole_items: bool = False) -> None:
        self._new = new
        self._old = old
        self._whole_items = whole_items

    def line(self, change: Change, sequence_number: str) -> str:
        """One change as a line of JSON, its newline included; see `Happening.cells`."""
        time = int(change["dynamodb"]["ApproximateCreationDateTime"])
        event_id = string_text(change.get("eventID", ""))[1:-1]
        own = happening_of(change).cells(event_id, time, sequence_number)
        line = own + self.item_cells(change)
        return line if len(line) <= MAX_LINE_CHARACTERS else own + self._whole_cells(change)

    def item_cells(self, change: Change) -> str:
        """The rest of a line: the table, the key and the item."""
        stream = change["dynamodb"]
        new, old = stream.get("NewImage") or stream["Keys"], stream.get("OldImage")
        try:
            cells, names, types = self._new.flatten(new)
            if old and self._old:
                old_cells, old_names, old_types = self._old.flatten(old)
                cells, names, types = cells | old_cells, names + old_names, types + old_types
        except TangledError:
            return self._whole_cells(change)
        written = [cell + value for cell, value in cells.items()]
        if self._whole_items:
            written += self._items(stream)
        if names:
            written.append(_members("change_names", names))
        if types:
            written.append(_members("change_types", types))
        return _joined(change, written)

    def _whole_cells(self, change: Change) -> str:
        return _joined(change, self._items(change["dynamodb"]))

    def _items(self, stream: Mapping[str, Any]) -> list[str]:
        """The cells of whole items."""
        new, old = stream.get("NewImage") or stream["Keys"], stream.get("OldImage")
        written = [f'"change_item":{string_text(_whole_text(self._new.redacted(new)))}']
        if old and self._old:
            written.append(f'"change_old_item":{string_text(_whole_text(self._old.redacted(old)))}')
        return written


def _joined(change: Change, cells: list[str]) -> str:
    key = _key_text(change["dynamodb"]["Keys"])
    user = change.get("userIdentity")
    actor = f'"change_actor":{string_text(user["principalId"])},' if user else ""
    return (
        f'"change_table":{string_text(change.get("tableName", ""))},"change_key":{string_text(key)},'
        f"{actor}{','.join(cells)}}}\n"
    )


def _members(column: str, members: list[str]) -> str:
    """A cell whose value is an object as text."""
    return f'"{column}":{string_text("{" + ",".join(members) + "}")}'


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
