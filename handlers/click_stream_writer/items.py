"""Decides which stream records have a place in the per-user table, and under which key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from handlers.shared.batch_write import ItemKey, scalar
from handlers.shared.images import Image, new_images
from handlers.shared.ordered import Entry

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

    def entries_of(self, records: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
        """The items of DynamoDB stream records, in order. Raises RecordError for a record without its new image."""
        for position, image in new_images(records):
            if image is None or not (_can_be_key(image, self._hash_name) and _can_be_key(image, self._range_name)):
                self.skipped += 1
                continue
            hash_key, range_key = image[self._hash_name], image[self._range_name]
            # The stream has images as DynamoDB's own JSON, binary values in base64: just what BatchWriteItem takes.
            item = json.dumps(image, ensure_ascii=False, separators=(",", ":")).encode()
            yield Entry(position, ItemKey(self._table, scalar(hash_key), scalar(range_key)), item)


def _can_be_key(image: Image, name: str) -> bool:
    return image.get(name) not in _NO_KEYS
