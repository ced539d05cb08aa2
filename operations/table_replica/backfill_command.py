"""`tributary backfill`: which rows to copy, with what, and what that takes before it begins."""

import json
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from operations.engine import Engine
from operations.errors import DifferenceError, OperationError
from operations.options import (
    COLUMNS,
    HERE,
    FarProfile,
    FarRole,
    Folder,
    Instance,
    ReadUnits,
    Segments,
    Stack,
    WriteUnits,
    Yes,
    confirm,
)

if TYPE_CHECKING:
    from handlers.table_backfiller.rows import Tally
    from operations.table_replica.deployed import Replica
    from operations.table_replica.estimating import Work

SHOWN_ROWS = 20


class Rows(StrEnum):
    """Where the rows come from."""

    SCAN = "scan"
    EXPORT = "export"


class Runner(StrEnum):
    """What writes them."""

    LOCAL = "local"
    DISTRIBUTED = "distributed"


def backfill(
    stack: Stack,
    instance: Instance = None,
    rows: Annotated[
        Rows | None,
        typer.Option(
            "--from", help="`scan` reads the table; `export` asks for a point-in-time export, and reads that."
        ),
    ] = None,
    runner: Annotated[
        Runner,
        typer.Option("--engine", help="`local` is this machine; `distributed` a state machine over an export's files."),
    ] = Runner.LOCAL,
    read_units: ReadUnits = None,
    write_units: WriteUnits = None,
    segments: Segments = None,
    yes: Yes = False,
    replica_role: FarRole = None,
    replica_profile: FarProfile = None,
    folder: Folder = HERE,
) -> None:
    """Copy what the source had before its stream; goes on where one that was killed stopped."""
    from operations.instruments.rates import provisioned
    from operations.table_replica import deployed, estimating

    exported = rows is Rows.EXPORT or runner is Runner.DISTRIBUTED
    if rows is Rows.SCAN and exported:
        raise typer.BadParameter("--engine distributed works on an export's files: leave out `--from scan`")
    if exported and (read_units or segments):
        raise typer.BadParameter("--read-units and --segments are for scans; an export reads none: leave them out")
    found = deployed.find(Engine(folder), stack, instance, replica_role=replica_role, replica_profile=replica_profile)
    bulk = deployed.required_bulk(found, stack) if exported else None
    writes = write_units or provisioned(found.replica.description, "WriteCapacityUnits")
    reads = read_units or provisioned(found.source.description, "ReadCapacityUnits")
    work = estimating.work(
        found.source.description, found.replica.description, found.positions_table is not None, writes
    )
    if exported:
        estimating.check_time(work)
    concurrency = int(bulk.outputs["maximumConcurrency"]) if bulk and runner is Runner.DISTRIBUTED else None
    for line in _intention(found, work, exported, concurrency, reads):
        typer.echo(line)
    confirm("Backfill?", yes)
    with Progress(*COLUMNS, console=Console(stderr=True)) as progress:
        if bulk is None:
            tally = _from_scan(found, reads, writes, segments, progress)
        else:
            tally = _from_export(found, runner, writes, progress)
    typer.echo(f"Written: {tally.written}, kept as they were: {tally.kept}. `tributary verify {stack}` compares all.")
    _tell_refused(tally)


def _intention(
    replica: "Replica", work: "Work", exported: bool, concurrency: int | None, reads: float | None
) -> Iterator[str]:
    from operations.table_replica import estimating

    held = "The stream goes on." if work.guarded else "The stream is held meanwhile, for 22 hours at once."
    yield f"About {work.items} items of `{replica.source.name}` to `{replica.replica.name}`. {held}"
    yield from estimating.writing(work)
    if exported:
        yield from estimating.exporting(work)
    else:
        yield f"reads    by a scan, at most {f'{reads:g}' if reads else 'any number of'} read units a second"
    if concurrency is not None:
        yield from estimating.distributing(work, concurrency)


def _from_scan(
    replica: "Replica", reads: float | None, writes: float | None, segments: int | None, progress: Progress
) -> "Tally":
    from operations.instruments.rates import RateLimit
    from operations.table_replica import backfilling

    task = progress.add_task("Copying", total=replica.source.item_count)
    return backfilling.backfill(
        replica,
        RateLimit(reads),
        RateLimit(writes),
        lambda written, kept: progress.advance(task, written + kept),
        segments,
    )


def _from_export(replica: "Replica", runner: Runner, writes: float | None, progress: Progress) -> "Tally":
    from operations.instruments.rates import RateLimit
    from operations.table_replica import backfilling_exports, copying_files

    bulk = replica.bulk
    assert bulk is not None
    running = copying_files.running_execution(replica, bulk)
    if running and runner is Runner.LOCAL:
        raise OperationError(
            f"execution {running} copies already. Type the same command with `--engine distributed` to watch it, or "
            f"stop it by `aws stepfunctions stop-execution --execution-arn {running}` first."
        )
    watch = copying_files.Watch(progress.console.print, _bar(progress, runner))
    copy = (
        copying_files.locally(replica, RateLimit(writes), watch)
        if runner is Runner.LOCAL
        else copying_files.distributed(replica, bulk, writes, watch)
    )
    try:
        return backfilling_exports.backfill(replica, bulk, copy, watch)
    except KeyboardInterrupt:
        held = "" if replica.positions_table else " The replication stays held until the backfill is done."
        running = copying_files.running_execution(replica, bulk)
        goes_on = (
            f"Execution {running} goes on; `aws stepfunctions stop-execution --execution-arn {running}` stops it. "
            if running
            else ""
        )
        raise OperationError(f"{goes_on}The same command comes back to it.{held}") from None


def _bar(progress: Progress, runner: Runner) -> Callable[[float, float], None]:
    task = progress.add_task("Rows" if runner is Runner.LOCAL else "Files", total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def _tell_refused(tally: "Tally") -> None:
    if not tally.refused:
        return
    for refused in tally.refused[:SHOWN_ROWS]:
        typer.echo(f"{json.dumps(refused.key, ensure_ascii=False)}: {refused.reason}", err=True)
    raise DifferenceError(
        f"{len(tally.refused)} rows are refused by the replica. Put them right in the source, and the stream brings "
        "them; or change the replica's indexes, and type the same command again."
    )
