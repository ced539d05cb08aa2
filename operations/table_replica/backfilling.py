"""Copies what was in a table before its stream was, and joins it to the stream without a gap. Here: from a scan.

Not guarded: the mapping is held first. Every change from before the hold is in what a strongly consistent scan reads
afterwards, every later one waits in the stream and is applied when the hold ends, in order: so both end equal,
whatever was written meanwhile. The stream holds changes for 24 hours, which bounds how long a hold may take.

Guarded: nothing is held. A row is written in a transaction that checks that its item has no stream position yet,
so a streamed change, a removal too, is never overwritten; there is no bound in time.

`backfilling_exports` does the same with the rows of an export.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

from handlers.shared.clients import Renewable
from handlers.shared.export_places import Tally
from handlers.shared.rate_limit import RateLimit
from handlers.shared.time_budget import TimeBudget
from handlers.table_backfiller.rows import Destination, RowWriter, row_writer, write_rows
from operations.errors import OperationError
from operations.instruments.comparing import ITEMS_PER_SEGMENT, LEAST_SEGMENTS, MOST_SEGMENTS
from operations.instruments.holding import ON, Notes, held, state
from operations.table_replica import checkpoints
from operations.table_replica.checkpoints import Checkpoint, ScanProgress
from operations.table_replica.deployed import Replica

THREADS = 8
PAGE_ITEMS = 500
SAVE_EVERY_S = 2.0
# A change waits in the stream for 24 hours; the mapping needs some of them to come to the last one.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
LONGEST_HOLD_S = 22 * 3600.0
# The replica's tables may be throttled or away for so long.
LONGEST_STALL_S = 600.0
# So many refused rows mean that the replica is not made for these rows.
MAX_REFUSED = 100

# Told how many rows more were written, and how many were kept as they are.
OnRows = Callable[[int, int], None]


def backfill(
    replica: Replica, reads: RateLimit, writes: RateLimit, on_rows: OnRows, segments: int | None = None
) -> Tally:
    """Copy the rows that the replica does not have; goes on where a backfill that was killed stopped.

    Returns what became of the rows, with those that the replica refuses. Raises OperationError when another kind of
    backfill is under way, when too many rows are refused or when the mapping was held for 22 hours; and what the calls
    raise. The same call later goes on from there.
    """
    known = checkpoints.load(replica.s3, replica.failure_bucket)
    if known is not None and known.scan is None:
        raise OperationError(
            "a backfill from an export is under way. Type the same command with `--from export` to end that one first."
        )
    checkpoint = known or Checkpoint(resume=state(replica.lambda_, replica.mapping_id) == ON)
    checkpoint.scan = checkpoint.scan or ScanProgress(
        segments or min(MOST_SEGMENTS, max(LEAST_SEGMENTS, replica.source.item_count // ITEMS_PER_SEGMENT))
    )
    checkpoints.save(replica.s3, replica.failure_bucket, checkpoint)
    guarded = replica.positions_table is not None
    notes = Notes(replica.s3, replica.failure_bucket)
    hold = (
        nullcontext()
        if guarded
        else held(replica.lambda_, replica.mapping_id, resume_after=checkpoint.resume, notes=notes)
    )
    with hold:
        _Run(replica, checkpoint, checkpoint.scan, reads, new_writer(replica, writes), on_rows).run()
    checkpoints.remove(replica.s3, replica.failure_bucket)
    return checkpoint.scan.tally


def new_writer(replica: Replica, limit: RateLimit) -> Callable[[], RowWriter]:
    """Makes writers of rows into the replica, all below one bound."""
    client = Renewable(lambda: replica.replica.dynamodb)
    to = Destination(replica.replica.name, replica.replica.keys, replica.positions_table)
    return lambda: row_writer(client, to, limit)


class _Run:
    """Segments side by side, each page by page; the checkpoint follows."""

    def __init__(
        self,
        replica: Replica,
        checkpoint: Checkpoint,
        progress: ScanProgress,
        reads: RateLimit,
        writer: Callable[[], RowWriter],
        on_rows: OnRows,
    ) -> None:
        self._replica = replica
        self._checkpoint = checkpoint
        self._progress = progress
        self._reads = reads
        self._writer = writer
        self._on_rows = on_rows
        self._lock = threading.Lock()
        self._started_at = self._saved_at = time.monotonic()
        self._stopped = threading.Event()
        self._written_at = self._started_at
        self._seen = 0
        self._writing: dict[int, RowWriter] = {}
        # Throttling and broken connections are waited out, unless somebody stops it or nothing at all is written: what
        # is refused for that long, expired credentials too, does not mend itself.
        self._budget = TimeBudget(self._left_ms)

    def _left_ms(self) -> int:
        tallies = [self._progress.tally, *(writer.tally for writer in list(self._writing.values()))]
        seen = sum(tally.written + tally.kept for tally in tallies)
        if seen != self._seen:
            self._seen, self._written_at = seen, time.monotonic()
        left_s = self._written_at + LONGEST_STALL_S - time.monotonic()
        return 0 if self._stopped.is_set() else max(0, round(left_s * 1000))

    def run(self) -> None:
        with ThreadPoolExecutor(THREADS) as threads:
            running = [threads.submit(self._segment, number) for number in self._progress.open_segments]
            try:
                for one in running:
                    one.result()
            except BaseException:
                # Ctrl-C, or a call that failed: keep how far the pages came that are done.
                self._stopped.set()
                threads.shutdown(cancel_futures=True)
                raise
            finally:
                self._save()

    def _segment(self, number: int) -> None:
        start = self._progress.places.get(number)
        pages = self._replica.source.pages(number, self._progress.segments, self._reads, start, PAGE_ITEMS)
        for rows, place in pages:
            writer = self._writer()
            self._writing[number] = writer
            failure = write_rows(writer, enumerate(rows), self._budget)
            if failure is not None:
                raise OperationError(
                    f"no row could be written for {LONGEST_STALL_S / 60:.0f} minutes: {failure.reason}. Put that "
                    "right, and type the same command again: it goes on from here."
                )
            with self._lock:
                self._add(writer.tally)
                self._progress.places[number] = place
                if time.monotonic() - self._saved_at > SAVE_EVERY_S:
                    self._save()
            self._on_rows(writer.tally.written, writer.tally.kept)
            if self._stopped.is_set():
                return

    def _add(self, more: Tally) -> None:
        tally = self._progress.tally
        refused = [*tally.refused, *more.refused]
        if len(refused) > MAX_REFUSED:
            # The page is not counted: once the replica is put right, its rows are tried again.
            raise OperationError(
                f"the replica refuses {len(refused)} rows, the first with: {refused[0].reason}. Give it the keys and "
                "index types of the source, then type the same command again."
            )
        tally.written += more.written
        tally.kept += more.kept
        tally.refused = refused
        if self._replica.positions_table is None and time.monotonic() - self._started_at > LONGEST_HOLD_S:
            raise OperationError(
                f"stopped after {LONGEST_HOLD_S / 3600:.0f} hours, since the stream keeps changes for 24. The "
                "replication goes on; when it has caught up, the same command goes on with the backfill."
            )

    def _save(self) -> None:
        checkpoints.save(self._replica.s3, self._replica.failure_bucket, self._checkpoint)
        self._saved_at = time.monotonic()
