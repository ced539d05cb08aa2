"""Writes changes as they come, 25 puts and deletes in a call of BatchWriteItem."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.shared.batch_write import BatchWriter, put_request
from handlers.shared.clients import Renewable
from handlers.shared.images import compact
from handlers.shared.ordered import Entry
from handlers.table_replicator.changes import Change, key_names

__all__ = ["batch_writer", "write_request"]


def write_request(change: Change) -> Entry:
    """An entry of a change: its body is the write request."""
    attributes = compact(change.key if change.image is None else change.image)
    body = b'{"DeleteRequest":{"Key":%b}}' % attributes if change.image is None else put_request(attributes)
    return Entry(change.position, change.item, body)


def batch_writer(client: Renewable, changes: Sequence[Change]) -> BatchWriter:
    """Writes entries of `write_request`. The names of the key attributes are those of the changes."""
    hash_name, range_name = key_names(changes[0].key) if changes else ("", None)
    return BatchWriter(client, hash_name, range_name, request=bytes)
