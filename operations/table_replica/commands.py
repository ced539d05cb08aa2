"""The sub-commands of `tributary` that work on a table replica."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from operations.engine import Engine
from operations.errors import OperationError
from operations.options import COLUMNS, HERE, Folder


class OnError(StrEnum):
    """What becomes of a load when a row cannot be loaded."""

    STOP = "stop"
    SKIP = "skip"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: tributary sample logfile_stream.csv --rows 2000")(sample)
    app.command(epilog="Example: tributary load logfile_stream.csv --table logfile --stack workshop")(load)


def sample(
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    rows: Annotated[int, typer.Option(min=0)] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 2009,
) -> None:
    """Write a log file with generated requests, in the form that `load` takes."""
    from operations.table_replica import logfile

    with file.open("w", newline="", encoding="utf-8") as out:
        logfile.write(out, logfile.generate(rows, seed))
    typer.echo(f"{file}: {rows} rows")


def load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV file with a header.")],
    table: Annotated[str, typer.Option(help="The table to put the rows into.")],
    stack: Annotated[str | None, typer.Option(help="Load as whoever deploys this stack, in its Region.")] = None,
    account: Annotated[
        str | None, typer.Option(help="The account that the table is in, where no stack says it: its 12 digits.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="The table's Region; that of the stack, or the environment's, unless said.")
    ] = None,
    on_error: Annotated[
        OnError, typer.Option(help="What a row does that cannot be loaded: it ends the load, or is named and skipped.")
    ] = (OnError.STOP),
    encoding: Annotated[str, typer.Option(help="What the file is written in: cp1252, latin-1, utf-16, …")] = "utf-8",
    threads: Annotated[int, typer.Option(min=1, max=64)] = 8,
    folder: Folder = HERE,
) -> None:
    """Put the rows of a log file into a table, as items with the keys `request#…` and `host#…`."""
    from operations.table_replica import deployed, loading, logfile
    from operations.table_replica.csv_records import count_lines

    if stack is not None and account is not None:
        raise typer.BadParameter("--stack says the account already: leave out --account")
    try:
        "".encode(encoding)
    except LookupError:
        raise typer.BadParameter(
            f"--encoding is {encoding!r}, which is no encoding of text; name one such as utf-8, cp1252 or utf-16"
        ) from None
    target = deployed.table_of(Engine(folder), stack, account, region, table)
    with file.open(newline="", encoding=encoding) as opened:
        try:
            lines = count_lines(file, encoding)
            rows = logfile.read(opened, target)
        except ValueError as wrong:
            raise OperationError(f"{file}: {wrong}") from None
        with Progress(*COLUMNS, console=Console(stderr=True)) as progress:
            task = progress.add_task("Loading", total=lines - 1)
            show = partial(progress.console.print, markup=False, highlight=False, soft_wrap=True)
            loaded = loading.load(
                target,
                rows,
                stop=on_error is OnError.STOP,
                on_rows=lambda count: progress.advance(task, count),
                on_skipped=lambda row: show(f"{file}:{row.line}: {row.reason}"),
                threads=threads,
            )
    if loaded.skipped:
        typer.echo(f"Skipped: {loaded.skipped}", err=True)
    typer.echo(f"RowCount: {loaded.rows}, Total seconds: {loaded.seconds:.3f}")
    if loaded.taken_along:
        raise OperationError(
            f"{file}: {loaded.taken_along} of the skipped lines went with a record before them, as said above, and may "
            "be good rows. Correct the quotes there and load the file again; it changes nothing that is there."
        )
