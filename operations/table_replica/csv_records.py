"""Reads the records of a CSV file with the lines that they are on, in memory that does not grow with the file.

What cannot be read is told with the line where it begins and with how many lines it took along: a quote that is not
closed swallows good records, and nobody may lose those in silence.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items
MAX_ITEM_BYTES = 400 * 1024
# Every character of an item may be a quote, which is written twice; the rest is for separators.
MAX_RECORD_CHARS = 2 * MAX_ITEM_BYTES + 10_000
_CHUNK_BYTES = 1 << 16
_LINE_ENDS = ("\n", "\r")

# The module's own limit, of the whole process, is below what an item may hold.
csv.field_size_limit(MAX_RECORD_CHARS)


class Record(NamedTuple):
    """The fields of one record, the line that it begins on (from 1), and how many lines and characters it has."""

    line: int
    fields: list[str]
    lines: int
    size_chars: int


@dataclass(frozen=True)
class Malformed:
    """What is no row: its line in the file (from 1), and why.

    `rows` is how many rows that may be: more than one when it took along the lines after it.
    """

    line: int
    reason: str
    rows: int = 1


class _TooLongError(Exception):
    """A record is longer than any item."""


def count_lines(path: Path, encoding: str) -> int:
    """How many lines a file has. Raises ValueError, with the line, when it is not in this encoding."""
    lines = 0
    decode = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True).decode
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            try:
                lines += decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                line = lines + error.object[: error.start].decode(encoding, errors="ignore").count("\n") + 1
                byte = error.object[error.start]
                raise ValueError(f"line {line} is not {encoding}: byte 0x{byte:02x}. {_advice(path)}") from None
            if not chunk:
                return lines


def _advice(path: Path) -> str:
    """Which encoding a file that is not in the one named may be in."""
    with path.open("rb") as file:
        begin = file.read(2)
    if begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "It begins as UTF-16 does: add `--encoding utf-16`."
    if 0 in begin:
        return f"It looks like UTF-16: add `--encoding utf-16-{'be' if begin[0] == 0 else 'le'}`."
    return "Name the encoding that it is in, such as `--encoding cp1252` or `--encoding latin-1`."


class _Lines:
    """The lines of a file as a CSV reader asks for them; ends a record before it fills the memory.

    Of the record being read: `first` and `last` line, `size_chars`, and the line where its last quote was `opened`.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._ended = False
        self.last = 0
        self.begin()

    def begin(self) -> None:
        """The next line begins a record."""
        self.first = self.opened = self.last + 1
        self.size_chars = 0
        self._inside = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._read(MAX_RECORD_CHARS)
        if self._ended:
            raise StopIteration
        if self.last == 0:
            line = line.removeprefix("\ufeff")
        self.size_chars += len(line)
        ended = line.endswith(_LINE_ENDS)
        if self.size_chars > MAX_RECORD_CHARS or not (ended or len(line) < MAX_RECORD_CHARS):
            self._pass_over(line)
            raise _TooLongError
        self.last += 1
        return line

    @property
    def count(self) -> int:
        """How many lines the record has."""
        return max(1, self.last - self.first + 1)

    @property
    def unclosed(self) -> bool:
        """Whether the file ends within quotes."""
        return self._ended and self._inside

    def _read(self, most: int) -> str:
        line = self._file.readline(most)
        self._ended = not line
        # A quote within quotes is written twice.
        quotes = line.replace('""', "").count('"')
        self._inside ^= quotes % 2 == 1
        if quotes and self._inside:
            self.opened = self.last + 1
        return line

    def _pass_over(self, piece: str) -> None:
        """Go on to the end of the record, and keep nothing of it."""
        while piece:
            self.last += piece.endswith(_LINE_ENDS)
            if piece.endswith(_LINE_ENDS) and not self._inside:
                return
            piece = self._read(_CHUNK_BYTES)


def records(file: TextIO) -> Iterator[Record | Malformed]:
    """The records of a CSV file in order, without blank lines, and what is none. Open it with `newline=""`."""
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    while True:
        lines.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLongError) as error:
            yield Malformed(lines.first, _reason(lines, error), lines.count)
            continue
        if fields:
            yield Record(lines.first, fields, lines.count, lines.size_chars)


def took_along(first: int, lines: int) -> str:
    """What a record of several lines that cannot be read took along, as the end of a sentence."""
    return (
        f"; it took along {'line' if lines == 2 else 'lines'} {_span(first + 1, first + lines - 1)}"
        if lines > 1
        else ""
    )


def _span(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _reason(lines: _Lines, error: Exception) -> str:
    if lines.unclosed:
        where = "" if lines.opened == lines.first else f" in line {lines.opened}"
        reason = f"a quote that is opened{where} is not closed"
    elif isinstance(error, _TooLongError):
        reason = f"it has more than {MAX_RECORD_CHARS} characters, and an item at most {MAX_ITEM_BYTES} bytes"
    else:
        reason = str(error)
    return reason + took_along(lines.first, lines.count)
