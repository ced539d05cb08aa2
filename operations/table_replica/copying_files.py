"""Copies the files of an export that are not done: with this machine, or with the state machine.

Both keep the place of each file beside the export, and so each goes on where the other one stopped.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from handlers.shared.export_files import BackfillError, copy_file
from handlers.shared.export_places import Place
from handlers.shared.rate_limit import RateLimit
from handlers.shared.time_budget import TimeBudget
from handlers.table_backfiller.rows import ADVICE, chunk_writer
from operations.instruments import distributing
from operations.instruments.distributing import Watch
from operations.instruments.export_progress import folder_of, with_place
from operations.instruments.exporting import DataFile, Export
from operations.table_replica import checkpoints
from operations.table_replica.backfilling import LONGEST_STALL_S, THREADS, new_writer
from operations.table_replica.checkpoints import ExportProgress
from operations.table_replica.deployed import Bulk, Replica


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
                        chunk_writer(new_writer(replica, writes), _budget(), executor, THREADS),
                        ADVICE,
                        on_place=on_place,
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
        concurrency = max(1, min(len(files), int(bulk.outputs["maximumConcurrency"])))
        passed = passed_on(replica.replica.keys, concurrency, write_units)
        given = distributing.request(export, folder_of(export), concurrency, **passed)
        machine = str(bulk.outputs["backfillMachineArn"])
        client = bulk.client("stepfunctions")
        return distributing.carry_out(client, replica.s3, machine, export, given, progress, save, watch, check)

    return copy


def passed_on(keys: Sequence[str], concurrency: int, write_units: float | None) -> dict[str, Any]:
    """What each function gets besides its file: its part of `write_units`, which are for all of them together."""
    return {"keys": list(keys), "writeUnits": None if write_units is None else write_units / concurrency}


def running_execution(replica: Replica, bulk: Bulk) -> str | None:
    """The execution that copies for this replica now, if one does."""
    checkpoint = checkpoints.load(replica.s3, replica.failure_bucket)
    arn = checkpoint.export.execution_arn if checkpoint and checkpoint.export else None
    if arn is None:
        return None
    found = distributing.find(bulk.client("stepfunctions"), arn)
    return arn if found is not None and found.status == distributing.RUNNING else None
