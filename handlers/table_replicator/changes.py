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
from handlers.shared.ordered import Counts, Failure

__all__ = ["Change", "Changes", "apply_last", "changes_of", "key_names", "total"]


class Change(NamedTuple):
    """One change of one item: `key` and `image` in DynamoDB JSON; `image` is None when the item was removed.

    `stream_position` grows with the changes of an item, also from one stream of the table to its next; `item` is what
    is written to.
    """

    position: int
    stream_position: str
    item: ItemKey
    key: Image
    image: Image | None


@dataclass(frozen=True)
class Changes:
    """The changes of a batch up to `failure`, the first record that is none, or up to the end."""

    changes: list[Change]
    failure: Failure | None


def changes_of(records: Iterable[Mapping[str, Any]], table: str) -> Changes:
    """What the records say of the replica `table`, in order. A TTL delete is a removal like any other."""
    records = list(records)
    changes: list[Change] = []
    try:
        for position, image in new_images(records):
            record = records[position]
            stream = record["dynamodb"]
            stream_position = _stream_position(record["eventSourceARN"], stream["SequenceNumber"])
            key = stream["Keys"]
            changes.append(Change(position, stream_position, _item_key(table, key), key, image))
    except RecordError as error:
        return Changes(changes, Failure(error.position, error.reason))
    return Changes(changes, None)


def _stream_position(stream_arn: str, sequence_number: str) -> str:
    """When the stream was made, and the sequence number with its 40 digits: compares as text.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html (21 to 40 digits)
    """
    return f"{stream_arn.rpartition('/')[2]}#{sequence_number:0>40}"


def _item_key(table: str, key: Image) -> ItemKey:
    """Identifies the item by its key attributes in the order of `key_names`."""
    first, second = key_names(key)
    return ItemKey(table, scalar(key[first]), scalar(key[second]) if second else "")


def key_names(key: Iterable[str]) -> tuple[str, str | None]:
    """The names of the key attributes, in an order that is the same for all items; None for want of a second one.

    A stream record does not say which one is the partition key, and nobody here needs to know.
    """
    first, *second = sorted(key)
    return first, second[0] if second else None


def apply_last(changes: list[Change], apply: Callable[[list[Change]], Failure | None]) -> Failure | None:
    """Applies the last change of each item, and so all of them.

    When that fails at some change, an earlier one of its item was passed over, and Lambda would take it for done: then
    the last changes before the failure are applied too, so that everything before the failure is in the replica.
    """
    last = {change.item: change for change in changes}
    # In the order of the records, so that the first failure is the checkpoint.
    failure = apply(sorted(last.values(), key=_position))
    if failure is None:
        return None
    before = {change.item: change for change in changes if change.position < failure.position}
    passed_over = sorted((change for item, change in before.items() if last[item] is not change), key=_position)
    return (apply(passed_over) if passed_over else None) or failure


def _position(change: Change) -> int:
    return change.position


def total(runs: Iterable[Counts], superseded: int) -> Counts:
    """The counts of several runs together; the `superseded` changes count as not applied."""
    runs = list(runs)
    return Counts(
        applied=sum(run.applied for run in runs) - superseded,
        retried=sum(run.retried for run in runs),
        calls=sum(run.calls for run in runs),
    )
