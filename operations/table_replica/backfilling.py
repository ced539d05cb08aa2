"""Copies what was in a table before its stream was, and joins it to the stream without a gap.

Not guarded: the mapping is held first. Every change from before the hold is in what a strongly consistent scan reads
afterwards, every later one waits in the stream and is applied when the hold ends, in order: so both end equal,
whatever was written meanwhile. The stream holds changes for 24 hours, which bounds how long this may take.

Guarded: nothing is held. A row is written in a transaction that checks that its item has no stream position yet,
so a streamed change, a removal too, is never overwritten; there is no bound in time.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Protocol

from botocore.exceptions import ClientError

from operations.table_replica import checkpoints
from operations.table_replica.checkpoints import Checkpoint
from operations.table_replica.comparing import ITEMS_PER_SEGMENT, LEAST_SEGMENTS, MOST_SEGMENTS
from operations.table_replica.deployed import Replica
from operations.table_replica.holding import ON, held, state
from operations.table_replica.rates import RateLimit
from operations.table_replica.raw import Item
from operations.table_replica.tables import Table

THREADS = 8
PAGE_ITEMS = 500
SAVE_EVERY_S = 2.0
# 100 actions, two for each row: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
MAX_TRANSACTION_ROWS = 50
_EXISTS = "ConditionalCheckFailed"

# Told how many rows more were written, and how many were kept as they are.
OnRows = Callable[[int, int], None]


class Writer(Protocol):
    """Writes rows that are not there; returns how many it wrote."""

    def __call__(self, rows: Sequence[Item]) -> int: ...


def backfill(
    replica: Replica, reads: RateLimit, writes: RateLimit, on_rows: OnRows, segments: int | None = None
) -> Checkpoint:
    """Copy the rows that the replica does not have; goes on where a backfill that was killed stopped.

    Returns the counts. Raises what the calls raise; the same call later goes on from there.
    """
    known = checkpoints.load(replica.s3, replica.failure_bucket)
    checkpoint = known or Checkpoint(
        segments=segments or min(MOST_SEGMENTS, max(LEAST_SEGMENTS, replica.source.item_count // ITEMS_PER_SEGMENT)),
        resume=state(replica.lambda_, replica.mapping_id) == ON,
    )
    checkpoints.save(replica.s3, replica.failure_bucket, checkpoint)
    guarded = replica.positions_table is not None
    hold = nullcontext() if guarded else held(replica.lambda_, replica.mapping_id, resume_after=checkpoint.resume)
    with hold:
        _Run(replica, checkpoint, reads, _writer(replica, writes), on_rows).run()
    checkpoints.remove(replica.s3, replica.failure_bucket)
    return checkpoint


class _Run:
    """Segments side by side, each page by page; the checkpoint follows."""

    def __init__(
        self, replica: Replica, checkpoint: Checkpoint, reads: RateLimit, write: Writer, on_rows: OnRows
    ) -> None:
        self._replica = replica
        self._checkpoint = checkpoint
        self._reads = reads
        self._write = write
        self._on_rows = on_rows
        self._lock = threading.Lock()
        self._saved_at = time.monotonic()
        self._stopped = threading.Event()

    def run(self) -> None:
        with ThreadPoolExecutor(THREADS) as threads:
            running = [threads.submit(self._segment, number) for number in self._checkpoint.open_segments]
            try:
                for one in running:
                    one.result()
            except BaseException:
                # Ctrl-C, or a call that failed: let the pages under way end, and keep how far they came.
                self._stopped.set()
                threads.shutdown(cancel_futures=True)
                raise
            finally:
                self._save()

    def _segment(self, number: int) -> None:
        start = self._checkpoint.places.get(number)
        pages = self._replica.source.pages(number, self._checkpoint.segments, self._reads, start, PAGE_ITEMS)
        for rows, place in pages:
            written = self._write(rows)
            with self._lock:
                self._checkpoint.places[number] = place
                self._checkpoint.written += written
                self._checkpoint.kept += len(rows) - written
                if time.monotonic() - self._saved_at > SAVE_EVERY_S:
                    self._save()
            self._on_rows(written, len(rows) - written)
            if self._stopped.is_set():
                return

    def _save(self) -> None:
        checkpoints.save(self._replica.s3, self._replica.failure_bucket, self._checkpoint)
        self._saved_at = time.monotonic()


def _writer(replica: Replica, limit: RateLimit) -> Writer:
    if replica.positions_table is None:
        return _Puts(replica.replica, limit)
    return _Transactions(replica.replica, replica.positions_table, limit)


class _Puts:
    """One conditional PutItem for a row: BatchWriteItem has no conditions."""

    def __init__(self, table: Table, limit: RateLimit) -> None:
        self._table = table
        self._limit = limit
        self._request = {
            "TableName": table.name,
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": table.keys[0]},
            "ReturnConsumedCapacity": "TOTAL",
        }

    def __call__(self, rows: Sequence[Item]) -> int:
        return sum(map(self._put, rows))

    def _put(self, row: Item) -> bool:
        try:
            answer = self._table.dynamodb.put_item({**self._request, "Item": row})
        except self._table.dynamodb.client.exceptions.ConditionalCheckFailedException:
            self._limit.spend(1.0)
            return False
        self._limit.spend(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 1.0))
        return True


class _Transactions:
    """Fifty rows in a transaction, each with a check that nothing of its item has been streamed."""

    def __init__(self, table: Table, positions_table: str, limit: RateLimit) -> None:
        self._table = table
        self._positions_table = positions_table
        self._limit = limit

    def __call__(self, rows: Sequence[Item]) -> int:
        return sum(
            self._put(list(rows[start : start + MAX_TRANSACTION_ROWS]))
            for start in range(0, len(rows), MAX_TRANSACTION_ROWS)
        )

    def _put(self, rows: list[Item]) -> int:
        while rows:
            actions = [action for row in rows for action in self._actions(row)]
            try:
                answer = self._table.dynamodb.transact_write_items(
                    {"TransactItems": actions, "ReturnConsumedCapacity": "TOTAL"}
                )
            except ClientError as error:
                rows = self._without_streamed(rows, error)
                continue
            self._limit.spend(sum(one.get("CapacityUnits", 0.0) for one in answer.get("ConsumedCapacity", [])))
            return len(rows)
        return 0

    def _actions(self, row: Item) -> list[dict[str, Any]]:
        names = self._table.keys
        absent = {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": names[0]},
        }
        key = {name: row[name] for name in names}
        return [
            {"Put": {"TableName": self._table.name, "Item": row, **absent}},
            {"ConditionCheck": {"TableName": self._positions_table, "Key": key, **absent}},
        ]

    def _without_streamed(self, rows: list[Item], error: ClientError) -> list[Item]:
        """The rows without those that the transaction was cancelled for. Raises `error` when it was something else."""
        response: Any = error.response
        codes = [reason.get("Code") for reason in response.get("CancellationReasons", [])]
        self._limit.spend(float(2 * len(rows)))
        refused = [_EXISTS in codes[place * 2 : place * 2 + 2] for place in range(len(rows))]
        # A streamed change of the same item at the same time: the next attempt sees what it did.
        if any(refused) or "TransactionConflict" in codes:
            return [row for row, there in zip(rows, refused, strict=True) if not there]
        raise error
