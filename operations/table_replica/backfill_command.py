"""`tributary backfill`: which rows to copy, with what, and what that takes before it begins."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer
from rich.progress import Progress

from operations.asked import BackfillAsked, Rows, Runner
from operations.dialogue import Dialogue, Result
from operations.errors import OperationError
from operations.instances import Instance

if TYPE_CHECKING:
    from handlers.shared.export_places import Tally
    from operations.table_replica.deployed import Replica
    from operations.table_replica.estimating import Work

SHOWN_ROWS = 20


def backfill(at: Instance, asked: BackfillAsked, dialogue: Dialogue) -> Result:
    """Copy the rows that the replica does not have. Raises OperationError."""
    from operations.instruments.rates import provisioned
    from operations.table_replica import deployed, estimating

    exported = asked.rows is Rows.EXPORT or asked.runner is Runner.DISTRIBUTED
    found = deployed.find(
        at.engine, at.stack.name, at.name, replica_role=asked.far_role, replica_profile=asked.far_profile
    )
    bulk = deployed.required_bulk(found, at.stack.name) if exported else None
    writes = asked.write_units or provisioned(found.replica.description, "WriteCapacityUnits")
    reads = asked.read_units or provisioned(found.source.description, "ReadCapacityUnits")
    work = estimating.work(
        found.source.description, found.replica.description, found.positions_table is not None, writes
    )
    if exported:
        estimating.check_time(work)
    concurrency = int(bulk.outputs["maximumConcurrency"]) if bulk and asked.runner is Runner.DISTRIBUTED else None
    for line in _intention(found, work, exported, concurrency, reads):
        dialogue.say(line)
    dialogue.confirm("Backfill?")
    with dialogue.progress() as progress:
        if bulk is None:
            tally = _from_scan(found, reads, writes, asked.segments, progress)
        else:
            tally = _from_export(found, asked.runner, writes, progress)
    return Result(
        {
            "written": tally.written,
            "kept": tally.kept,
            "refused": [{"key": one.key, "reason": one.reason} for one in tally.refused],
        },
        f"Written: {tally.written}, kept as they were: {tally.kept}. `tributary verify {at.stack.name}` compares all.",
        _told_refused(tally),
    )


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
    from operations.instruments import distributing
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
    watch = distributing.Watch(progress.console.print, _bar(progress, runner))
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


def _told_refused(tally: "Tally") -> str | None:
    """Names the refused rows on the error output; what is wrong with them, None when there are none."""
    if not tally.refused:
        return None
    for refused in tally.refused[:SHOWN_ROWS]:
        typer.echo(f"{json.dumps(refused.key, ensure_ascii=False)}: {refused.reason}", err=True)
    return (
        f"{len(tally.refused)} rows are refused by the replica. Put them right in the source, and the stream brings "
        "them; or change the replica's indexes, and type the same command again."
    )
