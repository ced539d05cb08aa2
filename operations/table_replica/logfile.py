"""The workshop's log file: a seeded generator of it, and how its rows become items.

A row is one request to a web server. Its item has the key `request#<requestid>` and, for the index `GSI_1`, the
partition key `host#<host>`; numbers stay numbers.
"""

import csv
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TextIO

from operations.instruments.raw import Item

COLUMNS = (
    "requestid", "host", "date", "hourofday", "timezone", "method", "url", "responsecode", "bytessent", "useragent",
)  # fmt: skip
NUMBERS = {"requestid", "hourofday", "responsecode", "bytessent"}
REQUIRED = ("requestid", "host")

_AGENTS = (
    "Mozilla/5.0 (compatible) Feedfetcher-Google; (+http://www.google.com/feedfetcher.html)",
    "Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.9.1.1) Gecko/20090715 Firefox/3.5.1",
    "Opera/9.80 (Windows NT 5.1; U; en) Presto/2.2.15",
)
_URLS = ("/gwidgets/alexa.xml", "/gadgets/adpowers/AlexaRank/ALL_ALL.xml", "/", "/robots.txt", "/search?q=käse,brot")
_FIRST_DAY = date(2009, 7, 20)


@dataclass(frozen=True)
class Malformed:
    """A row that is no item: its line in the file (from 1), and why."""

    line: int
    reason: str


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


def read(file: TextIO) -> Iterator[Item | Malformed]:
    """The items of a CSV file with a header, and what is none, in order. Raises ValueError for a wrong header."""
    reader = csv.DictReader(file, restkey=None, strict=True)
    header = reader.fieldnames or []
    if missing := [name for name in REQUIRED if name not in header]:
        raise ValueError(
            f"its header has no column {' and '.join(missing)}; the first line must name the columns, such as "
            f"{','.join(COLUMNS)}"
        )
    while True:
        try:
            row: dict[Any, Any] = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Malformed(reader.reader.line_num, str(error))
            continue
        try:
            yield item_of(row)
        except ValueError as error:
            yield Malformed(reader.line_num, str(error))


def item_of(row: dict[Any, Any]) -> Item:
    """The item of a row; columns without a value are left out. Raises ValueError."""
    if None in row:
        raise ValueError(f"it has {len(row[None])} more values than the header has columns")
    if short := [name for name, value in row.items() if value is None]:
        raise ValueError(f"it ends before the column {short[0]}")
    if empty := [name for name in REQUIRED if not row[name]]:
        raise ValueError(f"the column {empty[0]} is empty")
    attributes = {name: _attribute(name, value) for name, value in row.items() if value}
    return {"PK": {"S": f"request#{row['requestid']}"}, "GSI_1_PK": {"S": f"host#{row['host']}"}, **attributes}


def _attribute(name: str, text: str) -> dict[str, str]:
    if name not in NUMBERS:
        return {"S": text}
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"the column {name} is {text!r}, which is no number")
    return {"N": text.strip()}
