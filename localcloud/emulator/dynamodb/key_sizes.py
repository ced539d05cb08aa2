"""How large a key attribute may be, of the table and of its indexes alike.

A partition key has 2,048 bytes at most, a sort key 1,024:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (partition keys and sort keys). An
index takes the item that it indexes as a whole, so the table refuses an item whose index key is too large; the words
are recorded ones.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import error_response_json

from localcloud.emulator.dynamodb.values import MODULE
from localcloud.emulator.patching import replaces

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

MAX_KEY_BYTES = {"HASH": 2048, "RANGE": 1024}
_INVALID = "One or more parameter values were invalid:"
_TOO_LARGE = {
    "HASH": f"{_INVALID} Size of hashkey has exceeded the maximum size limit of2048 bytes",
    "RANGE": f"{_INVALID} Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
}


def key_bytes(value: Any) -> int:
    """The size of a text or binary key attribute; 0 for a number, which is never too large."""
    if not isinstance(value, dict):
        return 0
    if isinstance(text := value.get("S"), str):
        return len(text) if text.isascii() else len(text.encode())
    if isinstance(encoded := value.get("B"), str):
        try:
            return len(base64.b64decode(encoded))
        except binascii.Error:
            return 0
    return 0


def too_large_for_indexes(table: Json, item: Json) -> Iterator[str]:
    """A message for each index key attribute that is too large."""
    indexes = [*(table.get("GlobalSecondaryIndexes") or []), *(table.get("LocalSecondaryIndexes") or [])]
    for index in indexes:
        for key in index.get("KeySchema") or []:
            name, most = key["AttributeName"], MAX_KEY_BYTES[key["KeyType"]]
            size = key_bytes(item.get(name))
            if size > most:
                yield (
                    f"{_INVALID} Size limit exceeded for Index Key {name} Actual Size: {size} bytes "
                    f"Max Size: {most} bytes IndexName: {index['IndexName']}"
                )


def install() -> None:
    @replaces(MODULE, "_key_length_error", source="247abf0a8588")
    def key_length_error(
        _original: object, item: Json, partition_name: str | None, sort_name: str | None
    ) -> Answer | None:
        for name, kind in ((partition_name, "HASH"), (sort_name, "RANGE")):
            if name and key_bytes(item.get(name)) > MAX_KEY_BYTES[kind]:
                refused: Answer = error_response_json("ValidationException", _TOO_LARGE[kind], 400)
                return refused
        return None

    @replaces(MODULE, "_index_key_empty_reason", source="3f82d74e9561")
    def index_key_reason(
        original: Callable[..., str | None], table: Json, item: Json, update_expr: bool = False
    ) -> str | None:
        return original(table, item, update_expr) or next(too_large_for_indexes(table, item), None)
