"""Reads a file of an export: gzip lines in, rows out, with a place that follows. Memory does not grow with the file.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from handlers.shared import export_places
from handlers.shared.errors import CONNECTION_ERRORS, describe
from handlers.shared.export_places import DataFile, Place, Tally
from handlers.shared.images import Image
from handlers.shared.streams import Failure

__all__ = ["MAX_REFUSED", "BackfillError", "Write", "copy_file"]

CHUNK_ROWS = 1_000
SAVE_EVERY_S = 5.0
# So many refused rows of one file mean that the far end is not made for these rows.
MAX_REFUSED = 100

# Writes some rows, each with its line: what became of them, and the first that is not done, None when all are.
Write = Callable[[Iterator[tuple[int, Image]]], tuple[Tally, Failure | None]]


class BackfillError(Exception):
    """A file cannot be copied, however often it is tried; the message says where it stopped and why."""


def copy_file(
    s3: Any,
    file: DataFile,
    write: Write,
    advice: str,
    chunk_rows: int | None = None,
    on_place: Callable[[Place], None] = lambda place: None,
) -> Place:
    """Copy a file from its kept place on until `write` stops; the place then. `on_place` hears of every advance.

    `write` gets `chunk_rows` rows at once, CHUNK_ROWS unless said. Raises BackfillError when the file is damaged, no
    row could be written, or too much is refused, with `advice` for whoever is to put that right; and what S3 answers.
    """
    chunk_rows = chunk_rows or CHUNK_ROWS
    begun = place = export_places.load(s3, file)
    if begun.done:
        return begun
    rows = _Rows(s3, file, begun.line)
    saved_at = time.monotonic()
    while True:
        start = rows.next
        tally, failure = write(islice(rows, chunk_rows))
        end = rows.next if failure is None else failure.position
        stopped = failure.reason if failure else rows.interrupted
        place = place.after(end, stopped is None and end - start < chunk_rows, tally)
        on_place(place)
        if len(place.refused) > MAX_REFUSED:
            # Not kept: once that is put right, they are tried again.
            line, _, reason = place.refused[0]
            raise BackfillError(
                f"{file.key}: {len(place.refused)} rows are refused, from line {line + 1} on: {reason}. {advice}"
            )
        if stopped or place.done or time.monotonic() - saved_at > SAVE_EVERY_S:
            export_places.save(s3, file, place)
            saved_at = time.monotonic()
        if stopped and place.line == begun.line:
            raise BackfillError(f"{file.key}: no row could be written from line {end + 1} on: {stopped}")
        if stopped or place.done:
            return place


class _Rows:
    """A file's rows with their line numbers, from `start` on.

    When the connection to S3 breaks the rows end early, with the reason in `interrupted`.
    """

    def __init__(self, s3: Any, file: DataFile, start: int) -> None:
        self.next = start
        self.interrupted: str | None = None
        self._file = file
        self._rows = self._read(s3, start)

    def __iter__(self) -> Iterator[tuple[int, Image]]:
        return self._rows

    def _read(self, s3: Any, start: int) -> Iterator[tuple[int, Image]]:
        try:
            body = s3.get_object(Bucket=self._file.bucket, Key=self._file.key)["Body"]
            with gzip.GzipFile(fileobj=body) as lines:
                for number, line in enumerate(lines):
                    if number < start:
                        continue
                    row: Image = json.loads(line)["Item"]
                    self.next = number + 1
                    yield number, row
        except CONNECTION_ERRORS as error:
            self.interrupted = describe(error)
        except (EOFError, KeyError, OSError, ValueError, zlib.error) as error:
            raise BackfillError(
                f"{self._file.key}: line {self.next + 1} is not a line of an export ({type(error).__name__}: {error}). "
                "The file is damaged: put back its first version, which the bucket keeps, then run the backfill again."
            ) from error
