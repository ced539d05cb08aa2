"""The workshop's log file: generated, read with its mistakes, and loaded until every row is in the table."""

from __future__ import annotations

import io
from typing import Any

import pytest
from fake_table import FakeDynamoDB, table

from operations.errors import OperationError
from operations.table_replica import logfile
from operations.table_replica.csv_records import Malformed
from operations.table_replica.loading import Loaded, load
from operations.table_replica.logfile import Row

pytestmark = pytest.mark.pure

HEADER = ",".join(logfile.COLUMNS)
GOOD = "7,1.2.3.4,2009-07-21,3,GMT-0700,GET,/,200,512,agent"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.table_replica.loading.FIRST_WAIT_S", 0.0)


def read(*lines: str) -> list[Row | Malformed]:
    return list(logfile.read(io.StringIO("\n".join([HEADER, *lines]) + "\n"), table(FakeDynamoDB())))


def loaded_from(text: str, fake: FakeDynamoDB, stop: bool = True, **options: Any) -> Loaded:
    return load(table(fake), logfile.read(io.StringIO(text), table(fake)), stop=stop, **options)


def generated(rows: int, seed: int) -> str:
    file = io.StringIO()
    logfile.write(file, logfile.generate(rows, seed))
    return file.getvalue()


def test_the_generator_is_seeded_and_has_the_workshops_columns() -> None:
    assert generated(50, seed=1) == generated(50, seed=1) != generated(50, seed=2)
    assert generated(1, seed=1).splitlines()[0] == HEADER
    rows = list(logfile.read(io.StringIO(generated(50, seed=1)), table(FakeDynamoDB())))
    assert [type(row) for row in rows] == [Row] * 50


def test_a_row_becomes_an_item_with_the_workshops_keys() -> None:
    assert [row.item for row in read(GOOD) if isinstance(row, Row)] == [
        {
            "PK": {"S": "request#7"},
            "GSI_1_PK": {"S": "host#1.2.3.4"},
            "requestid": {"N": "7"},
            "host": {"S": "1.2.3.4"},
            "date": {"S": "2009-07-21"},
            "hourofday": {"N": "3"},
            "timezone": {"S": "GMT-0700"},
            "method": {"S": "GET"},
            "url": {"S": "/"},
            "responsecode": {"N": "200"},
            "bytessent": {"N": "512"},
            "useragent": {"S": "agent"},
        }
    ]


def test_malformed_rows_are_told_with_their_lines_and_the_rest_is_read() -> None:
    found = read(
        GOOD,
        GOOD.replace("7,", "x,", 1),
        GOOD + ",more",
        "8,1.2.3.4",
        GOOD.replace("1.2.3.4", ""),
        '9,"1.2.3.4"x,2009',
        GOOD.replace("512", "NaN"),
        GOOD,
    )
    assert [one for one in found if isinstance(one, Malformed)] == [
        Malformed(3, "the column requestid is 'x', which is no number"),
        Malformed(4, "it has 1 more values than the header has columns"),
        Malformed(5, "it ends before the column date"),
        Malformed(6, "the column host is empty"),
        Malformed(7, "',' expected after '\"'"),
        Malformed(8, "the column bytessent is 'NaN', which is no number"),
    ]
    assert len(found) == 8


def test_a_header_without_the_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="its header has no column requestid and host"):
        logfile.read(io.StringIO("a,b\n1,2\n"), table(FakeDynamoDB()))


def test_every_row_is_loaded_whatever_is_left_unprocessed() -> None:
    fake, counted = FakeDynamoDB(left=[25, 3, 0, 7, 24, 1]), []
    loaded = loaded_from(generated(500, seed=3), fake, on_rows=counted.append)
    assert (loaded.rows, len(fake.items), sum(counted)) == (500, 500, 500)
    assert list(fake.items.values()) != []


def test_of_rows_with_one_key_the_last_one_stays() -> None:
    fake = FakeDynamoDB()
    file = "\n".join([HEADER, *(GOOD.replace("512", str(turn)) for turn in range(200))])
    assert loaded_from(file, fake).rows == 200
    [item] = fake.items.values()
    assert item["bytessent"] == {"N": "199"}


def test_a_malformed_row_stops_the_load_after_everything_before_it() -> None:
    fake = FakeDynamoDB()
    file = generated(40, seed=4) + "x\n" + GOOD
    with pytest.raises(OperationError, match=r"line 42: it ends before the column host\. .*--on-error skip"):
        loaded_from(file, fake)
    assert len(fake.items) == 40


def test_malformed_rows_are_skipped_when_asked() -> None:
    fake = FakeDynamoDB()
    file = generated(40, seed=4) + "x\n" + GOOD.replace("7,", "41,", 1)
    skipped: list[Malformed] = []
    loaded = loaded_from(file, fake, stop=False, on_skipped=skipped.append)
    assert (loaded.rows, len(fake.items), [one.line for one in skipped]) == (41, 41, [42])


def test_a_table_that_takes_nothing_ends_the_load() -> None:
    fake = FakeDynamoDB(left=[25] * 1000)
    with pytest.raises(OperationError, match="left items unprocessed 12 times: raise its write capacity"):
        loaded_from(generated(600, seed=5), fake, threads=1)
