"""Puts the rows of a file into a table, in parallel batches, until every single one is in it or named."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from operations.errors import OperationError
from operations.instruments.raw import Item
from operations.instruments.tables import Table
from operations.table_replica.csv_records import Malformed
from operations.table_replica.logfile import Row

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html: 25 items, 16 MB a request; a
# character is up to four bytes.
MAX_BATCH_ITEMS = 25
MAX_BATCH_CHARS = 4_000_000
THREADS = 8
ATTEMPTS = 12
FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 5.0

# How a table says that it is the items, and not the caller or the moment, that it refuses. Nothing of a batch is
# written then. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_REFUSALS = {"ValidationException", "SerializationException", "ItemCollectionSizeLimitExceededException", "413"}


@dataclass
class Loaded:
    """How many rows are in the table and how many are not; `taken_along` of these went with a quote that has no end."""

    rows: int = 0
    skipped: int = 0
    taken_along: int = 0
    seconds: float = 0.0

    @property
    def read(self) -> int:
        """All rows that the file was found to have."""
        return self.rows + self.skipped


@dataclass(frozen=True)
class _Written:
    """What became of a batch."""

    rows: int
    refused: Sequence[Malformed]


def _ignore(_: object) -> None:
    """The default for those who watch: nobody does."""


def load(
    table: Table,
    rows: Iterable[Row | Malformed],
    *,
    stop: bool,
    on_rows: Callable[[int], None] = _ignore,
    on_skipped: Callable[[Malformed], None] = _ignore,
    threads: int = THREADS,
) -> Loaded:
    """Put all rows. One that is malformed, or that the table refuses, is skipped, or with `stop` ends the load.

    Of rows with one key the last one stays. Raises OperationError for a malformed row with `stop`, when every other row
    that was read is in the table, and when the table leaves items unprocessed twelve times.
    """
    began, loaded = time.monotonic(), Loaded()
    skipped: list[Malformed] = []

    def skip(row: Malformed) -> None:
        loaded.skipped += row.rows
        loaded.taken_along += row.rows - 1
        if stop:
            skipped.append(row)
        else:
            on_skipped(row)

    def note(all_written: Iterable[_Written]) -> None:
        for written in all_written:
            loaded.rows += written.rows
            on_rows(written.rows)
            for row in written.refused:
                skip(row)

    with _Lanes(table, threads) as lanes:
        for row in rows:
            if isinstance(row, Malformed):
                skip(row)
            else:
                note(lanes.put(row))
            if skipped:
                break
        note(lanes.finish())
    loaded.seconds = time.monotonic() - began
    if skipped:
        raise _stopped(skipped, loaded)
    return loaded


def _stopped(skipped: Sequence[Malformed], loaded: Loaded) -> OperationError:
    first = min(skipped, key=lambda row: row.line)
    others = f" Lines {', '.join(str(row.line) for row in skipped if row is not first)} are refused as well." * (
        len(skipped) > 1
    )
    return OperationError(
        f"line {first.line}: {first.reason}.{others} The other {loaded.rows} rows read so far are in the table. "
        "Correct it and load the file again, which changes nothing there, or skip such lines with `--on-error skip`."
    )


@dataclass
class _Lane:
    """One thread, and the rows that wait for it, by their keys."""

    waiting: dict[tuple[str, ...], Row] = field(default_factory=dict)
    size_chars: int = 0
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))


class _Lanes:
    """Threads that write batches side by side. All rows of a key go through one lane, in order."""

    def __init__(self, table: Table, count: int) -> None:
        self._table = table
        self._keys = table.keys
        self._lanes = [_Lane() for _ in range(count)]
        self._running: list[Future[_Written]] = []
        # Calls under way are bounded, so that a file of any size is read as fast as it is written and no faster.
        self._free = threading.Semaphore(count * 2)

    def __enter__(self) -> "_Lanes":
        return self

    def __exit__(self, *_: object) -> None:
        for lane in self._lanes:
            lane.thread.shutdown(cancel_futures=True)

    def put(self, row: Row) -> Iterable[_Written]:
        """Take one row; what became of earlier ones. Raises OperationError when one could not be written."""
        key = tuple([str(row.item[name]) for name in self._keys])
        lane = self._lanes[hash(key) % len(self._lanes)]
        ended: list[_Written] = []
        # A batch has no room for two rows of a key, and the table may refuse the later one.
        if key in lane.waiting or lane.size_chars + row.size_chars > MAX_BATCH_CHARS:
            ended += self._send(lane)
        lane.waiting[key] = row
        lane.size_chars += row.size_chars
        if len(lane.waiting) == MAX_BATCH_ITEMS:
            ended += self._send(lane)
        return ended

    def finish(self) -> Iterator[_Written]:
        """Write what is waiting. Raises OperationError when something could not be written."""
        for lane in self._lanes:
            if lane.waiting:
                yield from self._send(lane)
        for one in self._running:
            yield one.result()

    def _send(self, lane: _Lane) -> list[_Written]:
        """Begin to write a lane's batch; what became of those that have ended."""
        batch, lane.waiting, lane.size_chars = list(lane.waiting.values()), {}, 0
        self._free.acquire()
        ended = [one for one in self._running if one.done()]
        self._running = [one for one in self._running if one not in ended]
        self._running.append(lane.thread.submit(self._write, batch))
        return [one.result() for one in ended]

    def _write(self, batch: Sequence[Row]) -> _Written:
        try:
            refused = list(put_rows(self._table, batch))
            return _Written(len(batch) - len(refused), refused)
        finally:
            self._free.release()


def put_rows(table: Table, rows: Sequence[Row]) -> Iterator[Malformed]:
    """Put up to 25 rows with different keys; yields those that the table refuses, found by halving what it refused."""
    try:
        put_batch(table, [row.item for row in rows])
    except ClientError as error:
        if error.response["Error"]["Code"] not in _REFUSALS:
            raise
        if len(rows) == 1:
            yield Malformed(rows[0].line, f"table `{table.name}` refuses it: {error.response['Error'].get('Message')}")
        else:
            middle = len(rows) // 2
            yield from put_rows(table, rows[:middle])
            yield from put_rows(table, rows[middle:])


def put_batch(table: Table, items: Sequence[Item]) -> None:
    """Put up to 25 items with different keys; what the table leaves is put again with full-jitter backoff.

    Raises OperationError when that is in vain twelve times, ClientError for what the table refuses.
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
