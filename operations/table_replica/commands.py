"""The sub-commands of `tributary` that work on a table replica."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from operations.engine import Engine
from operations.errors import OperationError
from operations.options import COLUMNS, HERE, Folder


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
    region: Annotated[
        str | None, typer.Option(help="The table's Region; that of the stack, or the environment's, unless said.")
    ] = None,
    on_error: Annotated[str, typer.Option(help="What a malformed row does: `stop` or `skip`.")] = "stop",
    threads: Annotated[int, typer.Option(min=1, max=64)] = 8,
    folder: Folder = HERE,
) -> None:
    """Put the rows of a log file into a table, as items with the keys `request#…` and `host#…`."""
    from operations.table_replica import deployed, loading, logfile

    if on_error not in ("stop", "skip"):
        raise typer.BadParameter(f"--on-error is {on_error!r}; it must be `stop` or `skip`")
    target = deployed.table_of(Engine(folder), stack, region, table)
    with Progress(*COLUMNS, console=Console(stderr=True)) as progress, file.open(newline="", encoding="utf-8") as rows:
        task = progress.add_task("Loading", total=sum(1 for _ in rows) - 1)
        rows.seek(0)
        try:
            loaded = loading.load(
                target,
                logfile.read(rows),
                stop=on_error == "stop",
                on_rows=lambda count: progress.advance(task, count),
                threads=threads,
            )
        except ValueError as wrong:
            raise OperationError(f"{file}: {wrong}") from None
    for malformed in loaded.malformed:
        typer.echo(f"{file}:{malformed.line}: {malformed.reason}", err=True)
    if loaded.malformed:
        typer.echo(f"Skipped: {len(loaded.malformed)}", err=True)
    typer.echo(f"RowCount: {loaded.rows}, Total seconds: {loaded.seconds:.3f}")
