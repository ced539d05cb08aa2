"""What a change of an item brings to a target: a document, a plain image, or the record as Lambda passes it.

Loaded with the first event of a table's stream. The table of forms is in handlers.fan_out.inputs.
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from handlers.fan_out.json_text import object_of
from handlers.shared.images import compact
from handlers.shared.plain_json import object_text

__all__ = ["Change", "change_of"]

Record = Mapping[str, Any]

# What a change's document says beside keys and images: its name, and the name in the record.
_OF_THE_CHANGE = (
    ("sequenceNumber", "SequenceNumber"),
    ("approximateCreationDateTime", "ApproximateCreationDateTime"),
)
_IMAGES = (("keys", "Keys"), ("newImage", "NewImage"), ("oldImage", "OldImage"))


class Change(NamedTuple):
    """The values of the item's key, joined by `|`; the sequence number; and the data."""

    key: str
    number: str
    data: bytes


def change_of(record: Record, convert_ddb: bool, whole: bool) -> Change:
    """The change in a record of a table's stream; `whole`: for a target that takes whole records.

    All but what Lambda adds to the records is optional; their eventID is as unique as their number.
    """
    change = record["dynamodb"]
    number = change.get("SequenceNumber") or record["eventID"]
    key = "|".join(_key_text(attribute) for attribute in change.get("Keys", {}).values()) or record["eventID"]
    if whole:
        data = _plain_record(record) if convert_ddb else compact(record)
    else:
        data = _plain_image(record) if convert_ddb else _document(record)
    return Change(key, number, data)


def _key_text(attribute: Mapping[str, str]) -> str:
    """The value of a key attribute, S, N or B, as the event has it."""
    (value,) = attribute.values()
    return value


def _document(record: Record) -> bytes:
    change = record["dynamodb"]
    document = {
        **{name: record[name] for name in ("eventID", "eventName", "userIdentity") if name in record},
        **{name: change[theirs] for name, theirs in (*_OF_THE_CHANGE, *_IMAGES) if theirs in change},
    }
    return compact(document)


def _plain_image(record: Record) -> bytes:
    change = record["dynamodb"]
    if "NewImage" in change:
        return object_text(change["NewImage"]).encode()
    keys = object_text(change.get("Keys", {}))
    return object_of((("eventName", compact(record["eventName"]).decode()), ("keys", keys))).encode()


def _plain_record(record: Record) -> bytes:
    images = {theirs for _, theirs in _IMAGES}
    change = object_of(
        (name, object_text(value) if name in images else compact(value).decode())
        for name, value in record["dynamodb"].items()
    )
    members = ((name, change if name == "dynamodb" else compact(value).decode()) for name, value in record.items())
    return object_of(members).encode()
