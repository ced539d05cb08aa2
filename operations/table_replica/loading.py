"""Puts the rows of a CSV file into a table, in parallel batches, until every single one is in it."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from operations.errors import OperationError
from operations.instruments.raw import Item
from operations.instruments.tables import Table
from operations.table_replica.logfile import Malformed

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
MAX_BATCH_ITEMS = 25
THREADS = 8
ATTEMPTS = 12
FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 5.0


@dataclass
class Loaded:
    """How many rows are in the table, and those that are not."""

    rows: int = 0
    seconds: float = 0.0
    malformed: list[Malformed] = field(default_factory=list)


def _ignore(count: int) -> None:
    """The default for `on_rows`: nobody watches."""


def load(
    table: Table,
    rows: Iterable[Item | Malformed],
    *,
    stop: bool,
    on_rows: Callable[[int], None] = _ignore,
    threads: int = THREADS,
) -> Loaded:
    """Put all rows. A malformed one is skipped and noted, or with `stop` ends the load.

    Of rows with one key the last one stays. Raises OperationError for a malformed row with `stop`, and when the table
    leaves items unprocessed twelve times; the rows before it are in the table then.
    """
    began, loaded = time.monotonic(), Loaded()
    with _Lanes(table, threads, on_rows) as lanes:
        for row in rows:
            if not isinstance(row, Malformed):
                lanes.put(row)
                loaded.rows += 1
            elif stop:
                lanes.finish()
                raise OperationError(
                    f"line {row.line}: {row.reason}. Correct it and load the file again, or skip such lines with "
                    "`--on-error skip`."
                )
            else:
                loaded.malformed.append(row)
        lanes.finish()
    loaded.seconds = time.monotonic() - began
    return loaded


class _Lanes:
    """Threads that write batches side by side. All rows of a key go through one lane, in order."""

    def __init__(self, table: Table, count: int, on_rows: Callable[[int], None]) -> None:
        self._table = table
        self._on_rows = on_rows
        self._keys = table.keys
        self._waiting: list[dict[tuple[str, ...], Item]] = [{} for _ in range(count)]
        self._threads = [ThreadPoolExecutor(1) for _ in range(count)]
        self._running: list[Future[None]] = []
        # Calls under way are bounded, so that a file of any size is read as fast as it is written and no faster.
        self._free = threading.Semaphore(count * 2)

    def __enter__(self) -> "_Lanes":
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.shutdown(cancel_futures=True)

    def put(self, item: Item) -> None:
        """Take one row. Raises OperationError when an earlier one could not be written."""
        key = tuple(str(item[name]) for name in self._keys)
        lane = hash(key) % len(self._waiting)
        self._waiting[lane][key] = item
        if len(self._waiting[lane]) == MAX_BATCH_ITEMS:
            self._send(lane)

    def finish(self) -> None:
        """Write what is waiting. Raises OperationError when something could not be written."""
        for lane, waiting in enumerate(self._waiting):
            if waiting:
                self._send(lane)
        for one in self._running:
            one.result()

    def _send(self, lane: int) -> None:
        batch, self._waiting[lane] = list(self._waiting[lane].values()), {}
        self._free.acquire()
        for one in self._running:
            if one.done():
                one.result()
        self._running = [one for one in self._running if not one.done()]
        self._running.append(self._threads[lane].submit(self._write, batch))

    def _write(self, batch: Sequence[Item]) -> None:
        try:
            put_batch(self._table, batch)
            self._on_rows(len(batch))
        finally:
            self._free.release()


def put_batch(table: Table, items: Sequence[Item]) -> None:
    """Put up to 25 items with different keys; what the table leaves is put again with full-jitter backoff.

    Raises OperationError when that is in vain twelve times.
    """
    requests: Mapping[str, Any] = {table.name: [{"PutRequest": {"Item": item}} for item in items]}
    for attempt in range(ATTEMPTS):
        requests = table.dynamodb.batch_write_item({"RequestItems": requests}).get("UnprocessedItems", {})
        if not requests:
            return
        time.sleep(random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt)))
    raise OperationError(
        f"table `{table.name}` left items unprocessed {ATTEMPTS} times: raise its write capacity, or load with fewer "
        "threads. Loading the file again changes nothing that is there."
    )
