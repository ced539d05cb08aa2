"""Reads from a lake what each item is now, whole: every attribute, whether the catalogue has its column or not.

Athena finds the newest row of each item; the file of its results is read from S3 row by row.
"""

import csv
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from components.data_lake.prefixes import static_part
from operations.data_lake.deployed import Store
from operations.data_lake.querying import ran
from operations.data_lake.rows import item_of, read_line
from operations.instruments import items
from operations.instruments.athena import lines_table
from operations.instruments.comparing_sql import literal
from operations.instruments.raw import Item

# A row of the lake has at most a few million characters, which quotes in CSV may double.
LONGEST_ROW = 16_000_000
_COLUMNS = ("change_key", "change_order", "change_event")


@dataclass(frozen=True)
class Form:
    """How a format keeps whole items.

    `rows` gives a query of a lake's changes: `change_key`, `change_order`, `change_event`, and `kept`, the text that
    `item_of` makes the item of. `exported` is what is `kept` of a line of JSON, which has such a row.
    """

    rows: Callable[[Store], AbstractContextManager[str]]
    exported: str
    item_of: Callable[[str], Item]


@contextmanager
def _lines(store: Store) -> Iterator[str]:
    """Objects of lines are read by a table of their own, whose only column is the line."""
    name = f"lines_{uuid.uuid4().hex}"
    store.athena.create_table(lines_table(name, f"s3://{store.bucket}/{static_part(store.settings.layout.prefix)}"))
    extracted = ", ".join(f"json_extract_scalar(line, '$.{column}') AS {column}" for column in _COLUMNS)
    try:
        yield f'SELECT line AS kept, {extracted} FROM "{store.athena.database}"."{name}"'
    finally:
        store.athena.drop_table(name)


@contextmanager
def _columns(store: Store) -> Iterator[str]:
    """Every row of Parquet has its item in a column; of one from a time before that no more than the key is told."""
    table = f'"{store.athena.database}"."{store.at.outputs["queryTable"]}"'
    yield f"SELECT coalesce(change_item, change_key) AS kept, {', '.join(_COLUMNS)} FROM {table}"


FORMS: Mapping[str, Form] = {
    "json": Form(_lines, "line", lambda line: item_of(read_line(line))),
    "parquet": Form(_columns, "json_extract_scalar(line, '$.change_item')", json.loads),
}


def form_of(store: Store) -> Form:
    """How a lake keeps whole items."""
    return FORMS[store.settings.layout.format]


class LatestRows:
    """What a lake's items are at one moment; `keys` are the names of the table's key attributes."""

    def __init__(
        self, s3: Any, bucket: str, object_key: str, keys: Sequence[str], kept_item: Callable[[str], Item]
    ) -> None:
        self._s3 = s3
        self._place = {"Bucket": bucket, "Key": object_key}
        self._keys = keys
        self._item_of = kept_item

    def digests(self) -> Iterator[tuple[str, int]]:
        """The key and the digest of each item, from the first to the last."""
        return ((key, items.digest(item)) for key, item in self._items())

    def get(self, keys: Iterable[str]) -> dict[str, Item]:
        """The items of these keys, by key."""
        wanted = frozenset(keys)
        return {key: item for key, item in self._items() if key in wanted}

    def _items(self) -> Iterator[tuple[str, Item]]:
        csv.field_size_limit(LONGEST_ROW)
        lines = (line.decode() for line in self._s3.get_object(**self._place)["Body"].iter_lines())
        reader = csv.reader(lines)
        next(reader)
        for key, kept in reader:
            yield items.key_of(json.loads(key), self._keys), self._item_of(kept)


@contextmanager
def latest_rows(store: Store, keys: Sequence[str], only: Sequence[str] | None = None) -> Iterator[LatestRows]:
    """What the items are now, or those alone that have one of the `change_key`s of `only`.

    Raises OperationError when the query fails.
    """
    form = form_of(store)
    with form.rows(store) as rows:
        _, ended = ran(store.athena, latest(rows, only))
    bucket, _, key = ended.output.removeprefix("s3://").partition("/")
    yield LatestRows(store.s3, bucket, key, keys, form.item_of)


def latest(rows: str, only: Sequence[str] | None = None) -> str:
    """The newest row of each item that is there, as its key and what is kept; the same rule as that of the view."""
    those = "" if only is None else f" WHERE change_key IN ({', '.join(map(literal, only))})"
    return (
        "SELECT change_key, kept FROM (SELECT change_key, kept, change_event, row_number() OVER (PARTITION BY "
        f"change_key ORDER BY change_order DESC) AS place FROM ({rows}){those}) "
        "WHERE place = 1 AND change_event <> 'REMOVE'"
    )
