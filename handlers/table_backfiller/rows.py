"""Writes rows that are not in the replica yet, and never over anything newer that is.

Not guarded: one conditional put for a row, since BatchWriteItem has no conditions. Guarded: transactions of fifty rows,
each with a check that its item has no stream position: nothing of it was streamed, a removal neither.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from handlers.shared.clients import Renewable
from handlers.shared.errors import Cause, cause_of, describe
from handlers.shared.export_files import Write
from handlers.shared.export_places import Refused, Tally
from handlers.shared.images import Image, compact
from handlers.shared.ordered import Entry, OrderedRun, batches_of
from handlers.shared.rate_limit import RateLimit
from handlers.shared.streams import Failure
from handlers.shared.time_budget import TimeBudget
from handlers.shared.transactions import (
    CONDITION_FAILED,
    INVALID,
    MAX_BYTES,
    MAX_PAIRS,
    TransactionSize,
    cancellation_reasons,
)

__all__ = ["ADVICE", "Destination", "RowWriter", "chunk_writer", "row_writer", "write_rows"]

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html: 400 KB, written as JSON
MAX_ROW_BYTES = 1_000_000

# What puts right that rows are refused.
ADVICE = "Give the replica the keys and index types of the source; then run the backfill again."


@dataclass(frozen=True)
class Destination:
    """Where rows go. `keys` are the key attributes, the partition key first; `positions_table` makes it guarded."""

    table: str
    keys: Sequence[str]
    positions_table: str | None


class RowWriter(ABC):
    """Writes batches of rows from several threads, and counts what became of each."""

    max_rows: int
    max_bytes: int

    def __init__(self, client: Renewable, to: Destination, limit: RateLimit) -> None:
        self.tally = Tally()
        self._client = client
        self._to = to
        self._limit = limit
        self._lock = threading.Lock()
        # The same condition for a row and for its position: nothing has this key.
        self._absent = {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": to.keys[0]},
        }

    def entries(self, rows: Iterable[tuple[int, Image]]) -> Iterator[Entry]:
        """Entries of rows with their positions; no two rows have one key."""
        return (Entry(position, position, self._body(row)) for position, row in rows)

    @abstractmethod
    def send(self, batch: Sequence[Entry]) -> Sequence[Entry]:
        """Write a batch; the entries to send again. Raises what botocore raises unless a single row is to blame."""

    @abstractmethod
    def _body(self, row: Image) -> bytes: ...

    @abstractmethod
    def _key(self, body: bytes) -> Image: ...

    def _count(self, written: int = 0, kept: int = 0) -> None:
        with self._lock:
            self.tally.written += written
            self.tally.kept += kept

    def _refuse(self, entry: Entry, reason: str) -> None:
        with self._lock:
            self.tally.refused.append(Refused(entry.position, self._key(entry.body), reason))

    def _failed(self, error: ClientError, batch: Sequence[Entry]) -> None:
        """Notes the row that is to blame; raises `error` when it is not one row alone."""
        if cause_of(error) is not Cause.RECORD or len(batch) > 1:
            raise error
        self._refuse(batch[0], describe(error))


class _Puts(RowWriter):
    max_rows, max_bytes = 1, MAX_ROW_BYTES

    def __init__(self, client: Renewable, to: Destination, limit: RateLimit) -> None:
        super().__init__(client, to, limit)
        self._rest = compact({"TableName": to.table, "ReturnConsumedCapacity": "TOTAL", **self._absent})[1:]

    def send(self, batch: Sequence[Entry]) -> Sequence[Entry]:
        try:
            with self._client.using() as client:
                answer = client.call("PutItem", b'{"Item":%b,%b' % (batch[0].body, self._rest))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
                self._failed(error, batch)
                return []
            self._count(kept=1)
            self._limit.spend(1.0)
            return []
        self._count(written=1)
        self._limit.spend(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 1.0))
        return []

    def _body(self, row: Image) -> bytes:
        return compact(row)

    def _key(self, body: bytes) -> Image:
        row = json.loads(body)
        return {name: row[name] for name in self._to.keys if name in row}


class _Transactions(RowWriter):
    max_rows, max_bytes = MAX_PAIRS, MAX_BYTES

    def __init__(self, client: Renewable, to: Destination, limit: RateLimit) -> None:
        super().__init__(client, to, limit)
        self._size = TransactionSize()

    def send(self, batch: Sequence[Entry]) -> Sequence[Entry]:
        """All or nothing: rows that are there, or refused, are left out of the next attempt."""
        waiting, rest = list(batch[: self._size.most]), batch[self._size.most :]
        while waiting:
            body = b'{"ReturnConsumedCapacity":"TOTAL","TransactItems":[%b]}' % b",".join(one.body for one in waiting)
            try:
                with self._client.using() as client:
                    answer = client.call("TransactWriteItems", body)
            except ClientError as error:
                reasons = cancellation_reasons(error)
                if not reasons:
                    self._size.note(error, len(waiting))
                    self._failed(error, waiting)
                    return rest
                self._limit.spend(2.0 * len(waiting))
                left = self._left(waiting, reasons)
                if len(left) == len(waiting):
                    # A conflict with a streamed change, or throttling: the next attempt sees what came of it.
                    self._size.note(error, len(waiting))
                    return [*left, *rest]
                waiting = left
                continue
            self._size.passed()
            self._count(written=len(waiting))
            self._limit.spend(sum(one.get("CapacityUnits", 0.0) for one in answer.get("ConsumedCapacity", [])))
            break
        return rest

    def _left(self, waiting: Sequence[Entry], reasons: Sequence[tuple[str, str]]) -> list[Entry]:
        """The rows without those that the transaction was cancelled for; the reasons come in pairs."""
        left = []
        for entry, pair in zip(waiting, zip(reasons[::2], reasons[1::2], strict=True), strict=True):
            codes = [code for code, _ in pair]
            if CONDITION_FAILED in codes:
                self._count(kept=1)
            elif invalid := [f"{code}: {message}" for code, message in pair if code in INVALID]:
                self._refuse(entry, invalid[0])
            else:
                left.append(entry)
        return left

    def _body(self, row: Image) -> bytes:
        key = {name: row[name] for name in self._to.keys}
        return compact(
            [
                {"Put": {"TableName": self._to.table, "Item": row, **self._absent}},
                {"ConditionCheck": {"TableName": self._to.positions_table, "Key": key, **self._absent}},
            ]
        )[1:-1]

    def _key(self, body: bytes) -> Image:
        actions: list[Mapping[str, Any]] = json.loads(b"[%b]" % body)
        key: Image = actions[1]["ConditionCheck"]["Key"]
        return key


def row_writer(client: Renewable, to: Destination, limit: RateLimit) -> RowWriter:
    """The writer for a replica, guarded or not."""
    return _Puts(client, to, limit) if to.positions_table is None else _Transactions(client, to, limit)


def write_rows(
    writer: RowWriter,
    rows: Iterable[tuple[int, Image]],
    budget: TimeBudget,
    executor: Executor | None = None,
    threads: int = 1,
) -> Failure | None:
    """Write rows while time remains; the first one that is neither in the replica nor refused, None when all are."""
    run = OrderedRun(writer.send, budget, executor=executor, threads=threads)
    return run.apply(batches_of(writer.entries(rows), writer.max_rows, writer.max_bytes))


def chunk_writer(new_writer: Callable[[], RowWriter], budget: TimeBudget, executor: Executor, threads: int) -> Write:
    """Writes the chunks of a file, each by a writer of its own, several rows at once."""

    def write(rows: Iterator[tuple[int, Image]]) -> tuple[Tally, Failure | None]:
        writer = new_writer()
        failure = write_rows(writer, rows, budget, executor, threads)
        return writer.tally, failure

    return write
