"""Writes an export's items as rows of the lake, by the transformer's own code, to objects that a query can read.

An object is named by its first row's line in the file: whoever writes a file again writes the same objects again.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from handlers.lake_transformer.changes import ChangeWriter
from handlers.shared.export_files import Write
from handlers.shared.export_places import DataFile, Tally
from handlers.shared.images import Image
from handlers.shared.snapshots import Snapshot
from handlers.shared.streams import Failure
from handlers.shared.time_budget import TimeBudget

__all__ = ["CHUNK_ROWS", "RowsFolder", "flatten_to"]

# Rows of an object at the most.
CHUNK_ROWS = 20_000
# An object is written once it is so large, compressed; it is held in memory until then.
OBJECT_BYTES = 32_000_000
# What an object may take at the most: none is begun with less.
OBJECT_S = 120.0
_LEVEL = 3


class RowsFolder(NamedTuple):
    """Where rows go: a bucket, which may be another account's, and the beginning of the objects' keys in it."""

    bucket: str
    prefix: str


@dataclass
class _Objects:
    """The objects of one file, one after the other; `first` is the line of the one that is being written."""

    s3: Any
    folder: RowsFolder
    name: str
    first: int | None = None

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.first = None
        self._body = io.BytesIO()
        # Without a time in its header, so that the same rows are the same object.
        self._lines = gzip.GzipFile(fileobj=self._body, mode="wb", compresslevel=_LEVEL, mtime=0)

    @property
    def between(self) -> bool:
        """Whether the last object is written, and another one not begun."""
        return self.first is None

    def add(self, position: int, line: str) -> None:
        if self.first is None:
            self.first = position
        self._lines.write(line.encode())
        if self._body.tell() >= OBJECT_BYTES:
            self.end()

    def end(self) -> None:
        if self.first is None:
            return
        self._lines.close()
        key = f"{self.folder.prefix}{self.name}/{self.first:012}.json.gz"
        self.s3.put_object(Bucket=self.folder.bucket, Key=key, Body=self._body.getvalue())
        self._begin()


def flatten_to(
    s3: Any, folder: RowsFolder, file: DataFile, writer: ChangeWriter, snapshot: Snapshot, budget: TimeBudget
) -> Write:
    """Writes rows of a file as long as there is time for another object."""

    def write(rows: Iterator[tuple[int, Image]]) -> tuple[Tally, Failure | None]:
        tally, objects = Tally(), _Objects(s3, folder, file.name)
        for position, row in rows:
            if objects.between and budget.left_s() < OBJECT_S:
                return tally, Failure(position, 0, "the invocation's time ran out")
            objects.add(position, writer.line(snapshot.of_item(row), ""))
            tally.written += 1
        objects.end()
        return tally, None

    return write
