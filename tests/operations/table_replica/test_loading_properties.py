"""Rows read = rows loaded + rows skipped, whatever is in a file and however the table answers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import pytest
from fake_table import FakeDynamoDB, table
from hypothesis import given, settings
from hypothesis import strategies as some

from operations.errors import OperationError
from operations.instruments.raw import Item
from operations.table_replica import logfile
from operations.table_replica.csv_records import Malformed
from operations.table_replica.loading import load

pytestmark = pytest.mark.pure

GOOD = ["good", "long field", "quotes", "lines"]
BAD = ["no number", "short", "refused"]
REFUSED_AGENT = "the table refuses this"


@pytest.fixture(scope="module", autouse=True)
def _no_waiting() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("operations.table_replica.loading.FIRST_WAIT_S", 0.0)
        yield


@dataclass(frozen=True)
class Line:
    """A row of the file: what it is like, and its request id, which several rows may have."""

    kind: str
    request: int


def values(row: Line, place: int) -> list[str]:
    agent = {
        "long field": "x" * 3000,
        "quotes": 'says ""hello"", twice',
        "lines": "one\ntwo\r\nthree",
        "refused": REFUSED_AGENT,
    }.get(row.kind, f"agent {place}")
    number = "1_0" if row.kind == "no number" else str(place)
    made = [str(row.request), "1.2.3.4", "2009-07-21", "3", "GMT", "GET", "/", "200", number, agent]
    return made[:4] if row.kind == "short" else made


def refuses(item: Item) -> str | None:
    return "refused" if item["useragent"]["S"] == REFUSED_AGENT else None


@settings(max_examples=150)
@given(
    rows=some.lists(some.builds(Line, some.sampled_from(GOOD * 3 + BAD), some.integers(1, 60)), max_size=150),
    open_at=some.none() | some.integers(0, 150),
    left=some.lists(some.integers(0, 25), max_size=6),
    threads=some.integers(1, 4),
    stop=some.booleans(),
)
def test_every_row_is_loaded_or_named(
    rows: list[Line], open_at: int | None, left: list[int], threads: int, stop: bool
) -> None:
    # Given a file in which a quote is opened in front of one of the rows, and never closed
    if open_at is not None:
        rows = [Line("good", row.request) if place >= open_at else row for place, row in enumerate(rows)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(logfile.COLUMNS)
    for place, row in enumerate(rows):
        file.write('"' if place == open_at else "")
        writer.writerow(values(row, place))
    lines = list(accumulate((3 if row.kind == "lines" else 1 for row in rows), initial=2))
    swallowed = range(len(rows))[open_at:] if open_at is not None else range(len(rows), len(rows))
    bad = [place for place, row in enumerate(rows) if row.kind in BAD or place == swallowed.start]
    good = [place for place in range(swallowed.start) if place not in bad]

    # When it is loaded
    fake = FakeDynamoDB(left=list(left), refuses=refuses)
    skipped: list[Malformed] = []
    source = logfile.read(io.StringIO(file.getvalue()), table(fake))
    if stop and bad:
        with pytest.raises(OperationError) as stopped:
            load(table(fake), source, stop=True, threads=threads)
        # Then it stops at a bad row, and what is in the table are good rows
        assert int(str(stopped.value).split()[1].rstrip(":")) in [lines[place] for place in bad]
        kept = {(item["requestid"]["N"], item["bytessent"]["N"]) for item in fake.items.values()}
        assert kept <= {(str(rows[place].request), str(place)) for place in good}
        return
    loaded = load(table(fake), source, stop=stop, on_skipped=skipped.append, threads=threads)

    # Then each row is in the table, unless a later one with its key is, or it is named by its line
    assert loaded.rows == len(good)
    assert loaded.read == loaded.rows + loaded.skipped == len(rows)
    assert sorted(row.line for row in skipped) == [lines[place] for place in bad]
    assert loaded.taken_along == max(0, len(swallowed) - 1)
    last = {rows[place].request: place for place in good}
    assert {int(item["requestid"]["N"]): int(item["bytessent"]["N"]) for item in fake.items.values()} == last
