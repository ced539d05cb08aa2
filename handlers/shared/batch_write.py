"""Writes items with BatchWriteItem, from bodies that are serialised already.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from handlers.shared.clients import Renewable
from handlers.shared.ordered import Entry

__all__ = ["MAX_BATCH_BYTES", "MAX_BATCH_ITEMS", "BatchWriter", "ItemKey", "put_request", "scalar"]

MAX_BATCH_ITEMS = 25
# The API takes 16 MB; half of it is 25 items of usual size, and keeps four calls under way small in 128 MB of memory.
MAX_BATCH_BYTES = 8_000_000


class ItemKey(NamedTuple):
    """Identifies an item: its table, and its key attributes as `scalar` gives them. `range` may be empty."""

    table: str
    hash: str
    range: str


def scalar(attribute: Mapping[str, Any]) -> str:
    """A key attribute in DynamoDB JSON as one string, `S:text`, `N:12` or `B:base64`."""
    ((kind, value),) = attribute.items()
    return f"{kind}:{value}"


def put_request(item: bytes) -> bytes:
    """The write request that puts an item."""
    return b'{"PutRequest":{"Item":%b}}' % item


class BatchWriter:
    """Writes items whose entries have an ItemKey as `key`, and as `body` what `request` makes a write request of.

    `hash_name` and `range_name` are the key attributes' names, the same in every table written to; `range_name` is
    None for tables without a sort key. The write request is a PutRequest of the body unless `request` says otherwise.
    """

    def __init__(
        self,
        client: Renewable,
        hash_name: str,
        range_name: str | None,
        request: Callable[[bytes], bytes] = put_request,
    ) -> None:
        self._client = client
        self._hash_name = hash_name
        self._range_name = range_name
        self._request = request

    def send(self, batch: Sequence[Entry]) -> list[Entry]:
        """Writes the batch in one call and returns the entries whose items are in UnprocessedItems.

        Of entries with one key only the last is sent, since the API refuses two of them in one call. Raises what
        botocore raises; after expired credentials the next call uses new ones.
        """
        with self._client.using() as client:
            response = client.call("BatchWriteItem", request_body(batch, self._request))
        unprocessed = response.get("UnprocessedItems")
        if not unprocessed:
            return []
        keys = {self._key_of(table, request) for table, requests in unprocessed.items() for request in requests}
        left = [entry for entry in batch if entry.key in keys]
        # A key that was not sent means that the reply cannot be matched: then nothing counts as written.
        return left if keys <= {entry.key for entry in left} else list(batch)

    def _key_of(self, table: str, request: Mapping[str, Any]) -> ItemKey:
        item = request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
        return ItemKey(table, scalar(item[self._hash_name]), scalar(item[self._range_name]) if self._range_name else "")


def request_body(batch: Sequence[Entry], request: Callable[[bytes], bytes] = put_request) -> bytes:
    """The BatchWriteItem request with the last entry of each key."""
    tables: dict[str, list[bytes]] = {}
    for entry in {entry.key: entry for entry in batch}.values():
        assert isinstance(entry.key, ItemKey)
        tables.setdefault(entry.key.table, []).append(request(entry.body))
    return b'{"RequestItems":{%b}}' % b",".join(
        b"%b:[%b]" % (json.dumps(table).encode(), b",".join(requests)) for table, requests in tables.items()
    )
