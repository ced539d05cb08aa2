"""Decides which stream records have a place in the per-user table, and under which key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from handlers.shared.batch_write import ItemKey, scalar
from handlers.shared.images import Image, compact, new_image
from handlers.shared.ordered import Entry
from handlers.shared.poison import Poison, undecidable

__all__ = ["Selection"]

# Missing values and empty ones: an attribute that holds one of them cannot be a key.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_NO_KEYS: tuple[Mapping[str, Any] | None, ...] = (None, {"NULL": True}, {"S": ""}, {"B": ""})


class Selection:
    """The items for `table`, whose key attributes are `hash_name` and `range_name`.

    After the iteration `skipped` says how many records were passed over: removals, since the per-user table keeps its
    history, and items that lack one of the key attributes.
    """

    def __init__(self, table: str, hash_name: str, range_name: str) -> None:
        self.skipped = 0
        self._table = table
        self._hash_name = hash_name
        self._range_name = range_name

    def entries_of(self, records: Iterable[Mapping[str, Any]]) -> Iterator[Entry | Poison]:
        """The items of DynamoDB stream records, in order."""
        for position, record in enumerate(records):
            try:
                entry = self._entry(position, new_image(record))
            except Exception as error:
                yield undecidable(position, error)
                continue
            if entry is None:
                self.skipped += 1
            else:
                yield entry

    def _entry(self, position: int, image: Image | None) -> Entry | None:
        if image is None or not (_can_be_key(image, self._hash_name) and _can_be_key(image, self._range_name)):
            return None
        key = ItemKey(self._table, scalar(image[self._hash_name]), scalar(image[self._range_name]))
        # The stream has images as DynamoDB's own JSON, binary values in base64: just what BatchWriteItem takes.
        return Entry(position, key, compact(image))


def _can_be_key(image: Image, name: str) -> bool:
    return image.get(name) not in _NO_KEYS
