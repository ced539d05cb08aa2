"""Copies what was in a table before its stream was, from an export: by this machine, or by a state machine.

Not guarded: the mapping is held first, then the table is exported as it is; later changes wait in the stream and are
applied when the hold ends. An export does not know what the stream brought meanwhile, so the hold lasts until every row
is written, also when nobody watches: a mapping that was resumed in between costs a new export.

Guarded: nothing is held, as with a scan.
"""

import time
import uuid
from collections.abc import Callable
from functools import partial

from handlers.shared.export_places import Tally
from operations.errors import OperationError
from operations.instruments import distributing, export_progress, exporting, holding
from operations.instruments.distributing import Watch
from operations.instruments.exporting import DataFile, Export
from operations.table_replica import checkpoints
from operations.table_replica.backfilling import LONGEST_HOLD_S
from operations.table_replica.checkpoints import Checkpoint, ExportProgress
from operations.table_replica.copying_files import Copy
from operations.table_replica.deployed import Bulk, Replica


def backfill(replica: Replica, bulk: Bulk, copy: Copy, watch: Watch) -> Tally:
    """Copy the rows that the replica does not have; goes on where a backfill from an export stopped.

    Returns what became of the rows, with those that the replica refuses. Raises OperationError when a backfill from a
    scan is under way, when files could not be copied, or when it takes more than 22 hours not guarded.
    """
    checkpoint = checkpoints.load(replica.s3, replica.failure_bucket) or Checkpoint(
        resume=holding.state(replica.lambda_, replica.mapping_id) == holding.ON
    )
    if checkpoint.scan is not None:
        raise OperationError(
            "a backfill from a scan is under way. Type the same command with `--from scan` to end that one first."
        )
    progress = checkpoint.export = checkpoint.export or ExportProgress(token=_token())
    save = partial(checkpoints.save, replica.s3, replica.failure_bucket, checkpoint)
    save()
    if replica.positions_table is None:
        _hold(replica, bulk, checkpoint, progress, save, watch)
    export = _exported(replica, bulk, progress, save, watch)
    files = _files(replica, export, progress, save)
    check = partial(_check_time, replica, bulk, checkpoint, progress, watch)
    waiting = " The replication stays held until then, for 22 hours at most." if progress.held is not None else ""
    left = export_progress.open_files(replica.s3, export, files)
    given_up = copy(export, left, progress, save, check) if left else {}
    if left := export_progress.open_files(replica.s3, export, left):
        raise OperationError(export_progress.not_done(left, len(files), given_up, waiting))
    _release(replica, bulk, checkpoint, progress, watch)
    checkpoints.remove(replica.s3, replica.failure_bucket)
    return export_progress.tally_of(place for _, place in export_progress.places_of(replica.s3, export, files))


def _token() -> str:
    return uuid.uuid4().hex


def _last_change(replica: Replica) -> str:
    return str(replica.lambda_.get_event_source_mapping(UUID=replica.mapping_id)["LastModified"])


def _hold(
    replica: Replica,
    bulk: Bulk,
    checkpoint: Checkpoint,
    progress: ExportProgress,
    save: Callable[[], None],
    watch: Watch,
) -> None:
    """Hold the mapping, and see that it was held since the export was asked for."""
    if progress.held is not None:
        still_off = holding.state(replica.lambda_, replica.mapping_id) == holding.OFF
        if still_off and _last_change(replica) == progress.held:
            _check_time(replica, bulk, checkpoint, progress, watch)
            return
        watch.on_note("The replication was resumed meanwhile, so the export is out of date: asking for a new one.")
        _stop(bulk, progress)
        progress.forget_export(_token())
    if checkpoint.resume:
        holding.Notes(replica.s3, replica.failure_bucket).write(replica.mapping_id)
    holding.pause(replica.lambda_, replica.mapping_id)
    progress.held, progress.held_at_s = _last_change(replica), time.time()
    save()


def _check_time(replica: Replica, bulk: Bulk, checkpoint: Checkpoint, progress: ExportProgress, watch: Watch) -> None:
    """Give the backfill up before the stream loses what waits in it. Raises OperationError then."""
    if progress.held_at_s is None or time.time() - progress.held_at_s < LONGEST_HOLD_S:
        return
    _stop(bulk, progress)
    _release(replica, bulk, checkpoint, progress, watch)
    checkpoints.remove(replica.s3, replica.failure_bucket)
    raise OperationError(
        f"given up after {LONGEST_HOLD_S / 3600:.0f} hours, since the stream keeps changes for 24; what is written "
        "stays. Raise `--write-units`, or set `guarded: true`, which needs no hold; then start it again."
    )


def _stop(bulk: Bulk, progress: ExportProgress) -> None:
    if progress.execution_arn is None:
        return
    client = bulk.client("stepfunctions")
    found = distributing.find(client, progress.execution_arn)
    if found is not None and found.status == distributing.RUNNING:
        distributing.stop(client, progress.execution_arn, "its export is out of date")
        progress.quiet_at_s = time.time() + distributing.LONGEST_INVOCATION_S


def _release(replica: Replica, bulk: Bulk, checkpoint: Checkpoint, progress: ExportProgress, watch: Watch) -> None:
    """End the hold, when no function of a stopped execution can write an exported row any more."""
    if progress.held is None or not checkpoint.resume:
        return
    arn = progress.execution_arn
    last = distributing.find(bulk.client("stepfunctions"), arn) if arn else None
    if (wait_s := max(progress.quiet_at_s, last.quiet_at_s if last else 0.0) - time.time()) > 0:
        watch.on_note(f"Waiting {wait_s / 60:.0f} minutes for the functions of an execution that was stopped.")
        time.sleep(wait_s)
    holding.resume(replica.lambda_, replica.mapping_id)
    holding.Notes(replica.s3, replica.failure_bucket).remove(replica.mapping_id)


def _exported(replica: Replica, bulk: Bulk, progress: ExportProgress, save: Callable[[], None], watch: Watch) -> Export:
    if progress.export_arn is None:
        progress.export_arn = exporting.request(replica.source, bulk.bucket, progress.token)
        save()
    watch.on_note(f"Export {progress.export_arn}")
    try:
        return exporting.finished(replica.source, progress.export_arn)
    except OperationError:
        # The same command asks for a new one.
        progress.forget_export(_token())
        save()
        raise


def _files(replica: Replica, export: Export, progress: ExportProgress, save: Callable[[], None]) -> list[DataFile]:
    """The export's files. Raises OperationError when the bucket has deleted them by their age."""
    try:
        return exporting.data_files(replica.s3, export)
    except replica.s3.exceptions.NoSuchKey:
        progress.forget_export(_token())
        save()
        raise OperationError(
            f"the files of export {export.id} are gone: the bucket keeps them for `keepExportsDays`. Type the same "
            "command again: it asks for a new export."
        ) from None
