"""Queries of a lake: what people type, as a table, CSV or JSON, with what it read."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence

from rich.console import Console
from rich.table import Table

from operations.errors import OperationError
from operations.instruments.athena import Athena, Ended
from operations.instruments.exporting import gigabytes

Row = Sequence[str | None]


def ran(athena: Athena, sql: str, on_read: Callable[[int], None] = lambda _: None) -> tuple[str, Ended]:
    """Run a query to its end; its id. Raises OperationError with Athena's reason and what to do."""
    try:
        query = athena.start(sql)
    except athena.exceptions.InvalidRequestException as error:
        raise OperationError(f"Athena does not take the query: {error.response['Error']['Message']}") from None
    ended = athena.ended(query, on_read)
    if ended.failure is not None:
        raise OperationError(f"the query failed: {ended.failure}{_advice(ended.failure, athena)}")
    return query, ended


def as_text(names: Row, rows: Iterable[Row], width: int | None = None) -> str:
    """A table for people; what is null is empty."""
    table = Table(*(name or "" for name in names))
    for row in rows:
        table.add_row(*(value or "" for value in row))
    out = io.StringIO()
    # Wider than any screen: a terminal wraps lines better than cells are cut.
    Console(file=out, width=width or 10_000, no_color=True, markup=False, highlight=False, emoji=False).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def as_csv(names: Row, rows: Iterable[Row]) -> str:
    """CSV with the columns' names; what is null is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return out.getvalue().removesuffix("\n")


def as_json(names: Row, rows: Iterable[Row]) -> str:
    """A list of objects; values are text, as Athena gives them, or null."""
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2, ensure_ascii=False)


def told(rows: int, ended: Ended) -> str:
    """How much there is, and what reading it took."""
    return f"{rows} rows; {ended.scanned_bytes:,} bytes scanned ({gigabytes(ended.scanned_bytes)})"


def _advice(failure: str, athena: Athena) -> str:
    if "TABLE_NOT_FOUND" in failure:
        return f". There are {', '.join(f'`{name}`' for name in athena.tables())}"
    if "COLUMN_NOT_FOUND" in failure or "cannot be resolved" in failure:
        return (
            ". `select * from latest limit 1` shows the columns; others of the items need a row under `layout.columns` "
            "of the stack file"
        )
    if "limit was exceeded" in failure:
        return (
            ". Read fewer days, such as `where delivered_on >= '2026-11-28'`, or raise `catalogue.scanLimitGb` in the "
            "stack file"
        )
    return ""
