"""Reads from a lake what each item is now, as whole rows: every column of them, whether the catalogue knows it or not.

Athena finds the newest row of each item; the file of its results is read from S3 row by row.
"""

import csv
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from components.data_lake.prefixes import static_part
from operations.data_lake.deployed import Store
from operations.data_lake.querying import ran
from operations.data_lake.rows import item_of, key_of, read_line
from operations.errors import OperationError
from operations.instruments import items
from operations.instruments.athena import lines_table
from operations.instruments.comparing_sql import literal
from operations.instruments.raw import Item

# A line of the lake has at most a few million characters, which quotes in CSV may double.
LONGEST_LINE = 16_000_000
_COLUMNS = ("change_key", "change_order", "change_event")


class LatestRows:
    """What a lake's items are at one moment; `keys` are the names of the table's key attributes."""

    def __init__(self, s3: Any, bucket: str, object_key: str, keys: Sequence[str]) -> None:
        self._s3 = s3
        self._place = {"Bucket": bucket, "Key": object_key}
        self._keys = keys

    def digests(self) -> Iterator[tuple[str, int]]:
        """The key and the digest of each item, from the first to the last."""
        return ((key, items.digest(item)) for key, item in self._items())

    def get(self, keys: Iterable[str]) -> dict[str, Item]:
        """The items of these keys, by key."""
        wanted = frozenset(keys)
        return {key: item for key, item in self._items() if key in wanted}

    def _items(self) -> Iterator[tuple[str, Item]]:
        csv.field_size_limit(LONGEST_LINE)
        lines = (line.decode() for line in self._s3.get_object(**self._place)["Body"].iter_lines())
        reader = csv.reader(lines)
        next(reader)
        for (line,) in reader:
            row = read_line(line)
            yield items.key_of(key_of(row), self._keys), item_of(row)


@contextmanager
def latest_rows(store: Store, keys: Sequence[str], only: Sequence[str] | None = None) -> Iterator[LatestRows]:
    """What the items are now, or those alone that have one of the `change_key`s of `only`.

    Raises OperationError when the lake's rows are no lines of JSON, or the query fails.
    """
    with lines_of(store) as lines:
        _, ended = ran(store.athena, latest_lines(lines, only))
    bucket, _, key = ended.output.removeprefix("s3://").partition("/")
    yield LatestRows(store.s3, bucket, key, keys)


@contextmanager
def lines_of(store: Store) -> Iterator[str]:
    """A table over every line of the lake, by its name in SQL. Raises OperationError when they are no JSON."""
    layout = store.settings.layout
    if layout.format != "json":
        raise OperationError(
            f"the lake of stack `{store.at.stack.name}` has {layout.format}, which keeps only the columns that the "
            "catalogue has: whole items cannot be compared. `tributary query` shows what it has."
        )
    name = f"lines_{uuid.uuid4().hex}"
    store.athena.create_table(lines_table(name, f"s3://{store.bucket}/{static_part(layout.prefix)}"))
    try:
        yield f'"{store.athena.database}"."{name}"'
    finally:
        store.athena.drop_table(name)


def latest_lines(table: str, only: Sequence[str] | None = None) -> str:
    """The newest line of each item that is there; the same rule as that of the view `latest`."""
    those = "" if only is None else f" WHERE change_key IN ({', '.join(map(literal, only))})"
    extracted = ", ".join(f"json_extract_scalar(line, '$.{column}') AS {column}" for column in _COLUMNS)
    return (
        "SELECT line FROM (SELECT line, change_event, row_number() OVER (PARTITION BY change_key ORDER BY change_order "
        f"DESC) AS place FROM (SELECT line, {extracted} FROM {table}){those}) "
        "WHERE place = 1 AND change_event <> 'REMOVE'"
    )
