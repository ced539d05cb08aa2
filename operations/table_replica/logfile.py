"""The workshop's log file: a seeded generator of it, and how its rows become items.

A row is one request to a web server. Its item has the key `request#<requestid>` and, for the index `GSI_1`, the
partition key `host#<host>`; numbers stay numbers.
"""

import csv
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple, TextIO

from operations.instruments.raw import Item
from operations.instruments.tables import Table
from operations.table_replica.csv_records import Malformed, Record, records, took_along

COLUMNS = (
    "requestid", "host", "date", "hourofday", "timezone", "method", "url", "responsecode", "bytessent", "useragent",
)  # fmt: skip
NUMBERS = {"requestid", "hourofday", "responsecode", "bytessent"}
REQUIRED = ("requestid", "host")
KEYS = ("PK", "GSI_1_PK")

# What every item has, by the type of its value.
_TYPES = {**dict.fromkeys(KEYS, "S"), **{name: "N" if name in NUMBERS else "S" for name in REQUIRED}}
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

_AGENTS = (
    "Mozilla/5.0 (compatible) Feedfetcher-Google; (+http://www.google.com/feedfetcher.html)",
    "Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.9.1.1) Gecko/20090715 Firefox/3.5.1",
    "Opera/9.80 (Windows NT 5.1; U; en) Presto/2.2.15",
)
_URLS = ("/gwidgets/alexa.xml", "/gadgets/adpowers/AlexaRank/ALL_ALL.xml", "/", "/robots.txt", "/search?q=käse,brot")
_FIRST_DAY = date(2009, 7, 20)


class Row(NamedTuple):
    """The item of a row, the line that the row begins on, and its length in the file."""

    line: int
    item: Item
    size_chars: int


def generate(rows: int, seed: int) -> Iterator[dict[str, str]]:
    """So many rows, the same for the same seed; their request ids count from 1."""
    randomness = random.Random(seed)
    for number in range(1, rows + 1):
        yield {
            "requestid": str(number),
            "host": f"66.249.67.{randomness.randrange(1, 255)}",
            "date": str(_FIRST_DAY + timedelta(days=randomness.randrange(7))),
            "hourofday": str(randomness.randrange(24)),
            "timezone": "GMT-0700",
            "method": randomness.choice(("GET", "GET", "GET", "POST", "HEAD")),
            "url": randomness.choice(_URLS),
            "responsecode": str(randomness.choice((200, 200, 200, 304, 404, 500))),
            "bytessent": str(randomness.randrange(100_000)),
            "useragent": randomness.choice(_AGENTS),
        }


def write(file: TextIO, rows: Iterable[dict[str, str]]) -> None:
    """The rows as CSV with a header."""
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def read(file: TextIO, table: Table) -> Iterator[Row | Malformed]:
    """The rows of a CSV file with a header, for this table, and what is none, in order.

    Raises ValueError before the first row for a header or a table that does not go with such rows.
    """
    found = records(file)
    header = _header(next(found, None))
    _check_keys(table)
    return _rows(header, found)


def _rows(header: Sequence[str], found: Iterable[Record | Malformed]) -> Iterator[Row | Malformed]:
    for record in found:
        if isinstance(record, Malformed):
            yield record
        elif wrong := _wrong_length(header, record.fields):
            yield Malformed(record.line, wrong + took_along(record.line, record.lines), record.lines)
        else:
            try:
                yield Row(record.line, item_of(dict(zip(header, record.fields, strict=True))), record.size_chars)
            except ValueError as error:
                yield Malformed(record.line, str(error))


def _header(first: Record | Malformed | None) -> Sequence[str]:
    """The names of the columns. Raises ValueError."""
    if isinstance(first, Malformed):
        raise ValueError(f"its header in line {first.line} cannot be read: {first.reason}")
    names = first.fields if first else []
    if missing := [name for name in REQUIRED if name not in names]:
        raise ValueError(
            f"its header has no column {' and '.join(missing)}; the first line must name the columns, separated by "
            f"commas, such as {','.join(COLUMNS)}{_guess(''.join(names))}"
        )
    if "" in names:
        raise ValueError(f"column {names.index('') + 1} of its header has no name; give it one, or take the column out")
    if repeated := [name for name, times in Counter(names).items() if times > 1]:
        raise ValueError(f"its header has the column {repeated[0]} twice; rename one of them, or take it out")
    if own := [name for name in KEYS if name in names]:
        raise ValueError(
            f"its header has the column {own[0]}, which `load` itself makes of {' and '.join(REQUIRED)}; rename it, "
            "or take it out"
        )
    return names


def _guess(header: str) -> str:
    if "\0" in header:
        return ". It looks like UTF-16: add `--encoding utf-16-le`, or utf-16-be"
    return next((f". Here they seem to be separated by {sign!r}" for sign in (";", "\t", "|") if sign in header), "")


def _check_keys(table: Table) -> None:
    """Raises ValueError for a table of which the rows have not the keys, or which would put many rows into one item."""
    types = {one["AttributeName"]: one["AttributeType"] for one in table.description["AttributeDefinitions"]}
    wrong = [f"{name} ({types[name]})" for name in table.keys if _TYPES.get(name) != types[name]]
    if wrong or not {"PK", "requestid"} & set(table.keys):
        keys = ", ".join(f"{name} ({types[name]})" for name in table.keys)
        raise ValueError(
            f"its rows are no items of table `{table.name}`, whose key is {keys}: they have the key PK (S) for each "
            "request. Name a table with that key by `--table`"
        )


def _wrong_length(header: Sequence[str], fields: Sequence[str]) -> str | None:
    """What is wrong with the number of a row's values; None when it is right."""
    if len(fields) > len(header):
        return f"it has {len(fields) - len(header)} more values than the header has columns"
    return f"it ends before the column {header[len(fields)]}" if len(fields) < len(header) else None


def item_of(row: Mapping[str, str]) -> Item:
    """The item of a row; columns without a value are left out. Raises ValueError."""
    if empty := [name for name in REQUIRED if not row[name]]:
        raise ValueError(f"the column {empty[0]} is empty")
    attributes = {name: _attribute(name, value) for name, value in row.items() if value}
    return {"PK": {"S": f"request#{row['requestid']}"}, "GSI_1_PK": {"S": f"host#{row['host']}"}, **attributes}


def _attribute(name: str, text: str) -> dict[str, str]:
    """Of numbers only the form is looked at here: how many digits there may be is the table's to say."""
    if name not in NUMBERS:
        return {"S": text}
    number = text.strip()
    if not _NUMBER.fullmatch(number):
        raise ValueError(f"the column {name} is {text[:40]!r}, which is no number")
    return {"N": number}
