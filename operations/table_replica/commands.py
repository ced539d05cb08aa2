"""The sub-commands of `tributary` that work on a table replica."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from operations.engine import Engine
from operations.errors import OperationError
from operations.options import COLUMNS, HERE, Folder, Instance, Stack, Yes, confirm
from operations.table_replica import backfill_command


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: tributary sample logfile_stream.csv --rows 2000")(sample)
    app.command(epilog="Example: tributary load logfile_stream.csv --table logfile --stack workshop")(load)
    app.command(epilog="Example: tributary backfill workshop --write-units 400")(backfill_command.backfill)
    app.command(epilog="Example: tributary redrive workshop")(redrive)
    app.command(epilog="Example: tributary pause workshop")(pause)
    app.command(epilog="Example: tributary resume workshop")(resume)


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


def redrive(stack: Stack, instance: Instance = None, yes: Yes = False, folder: Folder = HERE) -> None:
    """Apply again what could not be applied; the exit code is 0 only when all of it is."""
    from operations.table_replica import deployed, redriving

    found = deployed.find(Engine(folder), stack, instance)
    batches = redriving.failed_batches(found.s3, found.failure_bucket)
    if not batches:
        typer.echo("Nothing to redrive.")
        return
    records = sum(len(batch.event["Records"]) for batch in batches)
    typer.echo(
        f"{len(batches)} batches of {records} records in `{found.failure_bucket}` go through `{found.function}` again, "
        + ("as they are." if found.positions_table else "brought up to date; the stream is held meanwhile.")
    )
    confirm("Redrive?", yes)

    def show(outcome: redriving.Outcome) -> None:
        verdict = "applied" if outcome.reason is None else f"left where it is: {outcome.reason}"
        typer.echo(f"{outcome.batch.object_key}: {outcome.records} records {verdict}")

    failed = [one for one in redriving.redrive(found, batches, show) if one.reason is not None]
    if failed:
        raise OperationError(
            f"{len(failed)} of {len(batches)} batches cannot be applied yet. Put right what the lines above say, then "
            f"`tributary redrive {stack}`."
        )


def pause(stack: Stack, instance: Instance = None, yes: Yes = False, folder: Folder = HERE) -> None:
    """Hold the replication; changes wait in the stream, for 24 hours at most."""
    from operations.instruments import holding
    from operations.table_replica import deployed

    found = deployed.find(Engine(folder), stack, instance)
    typer.echo(
        f"`{found.function}` stops; changes of `{found.source.name}` wait in its stream for 24 hours, no longer."
    )
    confirm("Pause?", yes)
    holding.pause(found.lambda_, found.mapping_id)
    typer.echo(f"Paused. `tributary resume {stack}` goes on from here.")


def resume(stack: Stack, instance: Instance = None, yes: Yes = False, folder: Folder = HERE) -> None:
    """Go on with a replication that was paused, from where it stopped."""
    from operations.instruments import holding
    from operations.table_replica import deployed

    found = deployed.find(Engine(folder), stack, instance)
    typer.echo(f"`{found.function}` goes on with the changes of `{found.source.name}` from where it stopped.")
    confirm("Resume?", yes)
    holding.resume(found.lambda_, found.mapping_id)
    typer.echo("Resumed.")
