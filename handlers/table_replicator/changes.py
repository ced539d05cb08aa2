"""Decides what the stream's records mean for the replica: the last change of each key, and which come before a failure.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from math import inf
from typing import Any, NamedTuple

from handlers.shared.batch_write import ItemKey, scalar
from handlers.shared.images import Image, new_image
from handlers.shared.poison import Poison, undecidable
from handlers.shared.streams import Failure

__all__ = ["Change", "Changes", "apply_last", "changes_of", "key_names"]


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


class Changes(NamedTuple):
    """The changes of a batch, and the records that are none."""

    changes: list[Change]
    poison: list[Poison]


def changes_of(records: Iterable[Mapping[str, Any]], table: str) -> Changes:
    """What the records say of the replica `table`, in order. A TTL delete is a removal like any other."""
    found = Changes([], [])
    for position, record in enumerate(records):
        try:
            found.changes.append(_change(position, record, table))
        except Exception as error:
            found.poison.append(undecidable(position, error))
    return found


def _change(position: int, record: Mapping[str, Any], table: str) -> Change:
    image, stream = new_image(record), record.get("dynamodb", {})
    if "Keys" not in stream or "SequenceNumber" not in stream:
        raise ValueError("the stream record has no keys, or no sequence number")
    key = stream["Keys"]
    at = _stream_position(record["eventSourceARN"], stream["SequenceNumber"])
    return Change(position, at, _item_key(table, key), key, image)


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


# Applies changes; the first that is not applied, and the positions of those that were set aside.
Apply = Callable[[list[Change]], tuple[Failure | None, Set[int]]]


def apply_last(changes: list[Change], apply: Apply) -> Failure | None:
    """Applies the last change of each item, and so all of them.

    When that fails at some change, or sets one aside, an earlier one of the same item was passed over, and Lambda would
    take it for done: then that one is applied too, so that everything before the failure is in the replica.
    """
    failure: Failure | None = None
    while changes:
        last = {change.item: change for change in changes}
        # In the order of the records, so that the first failure is the checkpoint.
        found, aside = apply(sorted(last.values(), key=_position))
        failure = found or failure
        end = inf if failure is None else failure.position
        stepped_back = {item for item, change in last.items() if change.position in aside or change.position >= end}
        changes = [
            change
            for change in changes
            if change.item in stepped_back and change.position < end and change is not last[change.item]
        ]
    return failure


def _position(change: Change) -> int:
    return change.position
