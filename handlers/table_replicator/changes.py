"""Decides what the stream's records mean for the replica: the last change of each key, and which come before a failure.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from handlers.shared.batch_write import ItemKey, scalar
from handlers.shared.errors import RecordError
from handlers.shared.images import Image, new_images
from handlers.shared.ordered import Counts, Entry, Failure

__all__ = ["Change", "Changes", "apply_last", "changes_of", "item_key", "key_names", "total"]


class Change(NamedTuple):
    """One change of one item: `key` and `image` in DynamoDB JSON; `image` is None when the item was removed.

    `stream_position` grows with the changes of an item, also from one stream of the table to its next.
    """

    position: int
    stream_position: str
    key: Image
    image: Image | None


@dataclass(frozen=True)
class Changes:
    """The changes of a batch up to `failure`, the first record that is none, or up to the end."""

    changes: list[Change]
    failure: Failure | None


def changes_of(records: Iterable[Mapping[str, Any]]) -> Changes:
    """What the records say, in order. A TTL delete is a removal like any other."""
    records = list(records)
    changes: list[Change] = []
    try:
        for position, image in new_images(records):
            record = records[position]
            stream = record["dynamodb"]
            stream_position = _stream_position(record["eventSourceARN"], stream["SequenceNumber"])
            changes.append(Change(position, stream_position, stream["Keys"], image))
    except RecordError as error:
        return Changes(changes, Failure(error.position, error.reason))
    return Changes(changes, None)


def _stream_position(stream_arn: str, sequence_number: str) -> str:
    """When the stream was made, and the sequence number with its 40 digits: compares as text.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html (21 to 40 digits)
    """
    return f"{stream_arn.rpartition('/')[2]}#{sequence_number:0>40}"


def item_key(table: str, key: Image) -> ItemKey:
    """Identifies the item by its key attributes in the order of `key_names`."""
    first, second = key_names(key)
    return ItemKey(table, scalar(key[first]), scalar(key[second]) if second else "")


def key_names(key: Iterable[str]) -> tuple[str, str | None]:
    """The names of the key attributes, in an order that is the same for all items; None for want of a second one.

    A stream record does not say which one is the partition key, and nobody here needs to know.
    """
    first, *second = sorted(key)
    return first, second[0] if second else None


def apply_last(entries: list[Entry], apply: Callable[[list[Entry]], Failure | None]) -> Failure | None:
    """Applies the last entry of each key, and so all of them.

    When that fails at some entry, an earlier one of its key was passed over, and Lambda would take it for done: then
    the last entries before the failure are applied too, so that everything before the failure is in the replica.
    """
    last = {entry.key: entry for entry in entries}
    # In the order of the records, so that the first failure is the checkpoint.
    failure = apply(sorted(last.values(), key=_position))
    if failure is None:
        return None
    before = {entry.key: entry for entry in entries if entry.position < failure.position}
    passed_over = sorted((entry for key, entry in before.items() if last[key] is not entry), key=_position)
    return (apply(passed_over) if passed_over else None) or failure


def _position(entry: Entry) -> int:
    return entry.position


def total(runs: Iterable[Counts], superseded: int) -> Counts:
    """The counts of several runs together; the `superseded` changes count as not applied."""
    runs = list(runs)
    return Counts(
        applied=sum(run.applied for run in runs) - superseded,
        retried=sum(run.retried for run in runs),
        calls=sum(run.calls for run in runs),
    )
