"""Copies the files of an export that are not done: with this machine, or with the state machine.

Both keep the place of each file beside the export, and so each goes on where the other one stopped.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from handlers.shared.rate_limit import RateLimit
from handlers.shared.time_budget import TimeBudget
from handlers.table_backfiller import places
from handlers.table_backfiller.files import BackfillError, copy_file
from handlers.table_backfiller.places import Place
from operations.errors import OperationError
from operations.instruments.exporting import DataFile, Export
from operations.table_replica import checkpoints, distributing
from operations.table_replica.backfilling import LONGEST_STALL_S, THREADS, new_writer
from operations.table_replica.checkpoints import ExportProgress
from operations.table_replica.deployed import Bulk, Replica


@dataclass(frozen=True)
class Watch:
    """What a backfill tells while it runs: what it does now, and how many rows or files of how many are done."""

    on_note: Callable[[str], None] = lambda note: None
    on_progress: Callable[[float, float], None] = lambda done, total: None


class Copy(Protocol):
    """Copies files that are not done; why some of them were given up, by their keys.

    `check` raises when there is no more time; `save` keeps the checkpoint.
    """

    def __call__(
        self,
        export: Export,
        files: Sequence[DataFile],
        progress: ExportProgress,
        save: Callable[[], None],
        check: Callable[[], None],
    ) -> Mapping[str, str]: ...


def locally(replica: Replica, writes: RateLimit, watch: Watch) -> Copy:
    """Copy with this machine, file by file, several rows at once."""

    def copy(
        export: Export,
        files: Sequence[DataFile],
        progress: ExportProgress,
        save: Callable[[], None],
        check: Callable[[], None],
    ) -> Mapping[str, str]:
        given_up: dict[str, str] = {}
        before = export.items - sum(file.items for file in files)
        with ThreadPoolExecutor(THREADS) as executor:
            for file in files:

                def on_place(place: Place, before: int = before) -> None:
                    watch.on_progress(before + place.line, export.items)
                    check()

                try:
                    while not copy_file(
                        replica.s3,
                        with_place(export, file),
                        new_writer(replica, writes),
                        _budget(),
                        executor,
                        THREADS,
                        on_place,
                    ).done:
                        pass
                except BackfillError as error:
                    given_up[file.key] = str(error)
                before += file.items
                watch.on_progress(before, export.items)
        return given_up

    return copy


def _budget() -> TimeBudget:
    """How long a file may be tried without an end; one of which no row was written then is given up."""
    end = time.monotonic() + LONGEST_STALL_S
    return TimeBudget(lambda: max(0, round((end - time.monotonic()) * 1000)))


def distributed(replica: Replica, bulk: Bulk, write_units: float | None, watch: Watch) -> Copy:
    """Copy with the state machine: watch its running execution, or start one.

    `write_units` a second are for all files together.
    """

    def copy(
        export: Export,
        files: Sequence[DataFile],
        progress: ExportProgress,
        save: Callable[[], None],
        check: Callable[[], None],
    ) -> Mapping[str, str]:
        client = bulk.client("stepfunctions")
        machine: str = bulk.outputs["backfillMachineArn"]
        found = distributing.find(client, progress.execution_arn) if progress.execution_arn else None
        if progress.execution_arn is None or (found is not None and found.status != distributing.RUNNING):
            progress.quiet_at_s = max(progress.quiet_at_s, found.quiet_at_s if found else 0.0)
            progress.runs += 1
            progress.execution_arn = distributing.execution_arn(machine, f"{export.id}-{progress.runs}")
            found = None
        # Known before it is there: whoever is killed now finds it.
        save()
        if found is None:
            concurrency = max(1, min(len(files), int(bulk.outputs["maximumConcurrency"])))
            given = distributing.request(export, folder_of(export), replica.replica.keys, concurrency, write_units)
            distributing.start(client, machine, progress.execution_arn.rpartition(":")[2], given)
        watch.on_note(f"Execution {progress.execution_arn}")
        ended = distributing.follow(
            client,
            progress.execution_arn,
            lambda counts: watch.on_progress(counts.done + counts.failed, counts.total),
            check,
        )
        if ended.status == distributing.SUCCEEDED:
            return distributing.failed_files(replica.s3, ended)
        raise OperationError(
            f"execution {progress.execution_arn} ended as {ended.status}: {ended.cause or 'no cause was given'}. Type "
            "the same command again to go on with what is not done."
        )

    return copy


def running_execution(replica: Replica, bulk: Bulk) -> str | None:
    """The execution that copies for this replica now, if one does."""
    checkpoint = checkpoints.load(replica.s3, replica.failure_bucket)
    arn = checkpoint.export.execution_arn if checkpoint and checkpoint.export else None
    if arn is None:
        return None
    found = distributing.find(bulk.client("stepfunctions"), arn)
    return arn if found is not None and found.status == distributing.RUNNING else None


def folder_of(export: Export) -> str:
    """Where the places of an export's files are, in its bucket."""
    return f"backfill/{export.id}"


def with_place(export: Export, file: DataFile) -> places.DataFile:
    """A file of an export, as the functions know it."""
    return places.DataFile(export.bucket, file.key, folder_of(export))
