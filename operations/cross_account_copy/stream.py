"""Reads a Kinesis stream from its horizon, or from a time on, to where it stood when the reading began."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from operations.cross_account_copy.expecting import Key, StreamRecord, items_of
from operations.errors import OperationError
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# Half of what a shard gives: five calls and 2 MB a second, shared with whoever else reads it, the copier first of all.
# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
CALLS_PER_S = 2.5
BYTES_PER_S = 1_000_000
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html takes up to 10,000; a page is held whole.
PAGE_RECORDS = 5_000
THREADS = 8


@dataclass(frozen=True)
class Window:
    """What was read of a shard: from the sequence number of the first record to that of the last."""

    shard_id: str
    first: str
    last: str


class Stream:
    """A stream as one identity reads it. `since` is the time to read from; its horizon when None."""

    def __init__(self, kinesis: "KinesisClient", name: str, since: datetime | None = None) -> None:
        self.name = name
        self._kinesis = kinesis
        self._since = since

    def begins(self) -> datetime:
        """From what time of arrival on records can be read. Raises OperationError when there is no such stream."""
        try:
            summary = self._kinesis.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]
        except self._kinesis.exceptions.ResourceNotFoundException:
            raise OperationError(
                f"there is no stream `{self.name}`: it was deleted after it was deployed. Type `pulumi refresh`, and "
                "deploy its stack again."
            ) from None
        horizon = datetime.now(UTC) - timedelta(hours=summary["RetentionPeriodHours"])
        return max(self._since or horizon, horizon, summary["StreamCreationTimestamp"])

    def reaches(self, arrival_s: float | None) -> bool:
        """Whether what arrived then (in seconds since 1970) is asked for."""
        return self._since is None or arrival_s is None or arrival_s >= self._since.timestamp()

    def read(self, on_page: Callable[[list[StreamRecord]], None]) -> list[Window]:
        """Every record of every shard, also of those that are closed, page by page; from several threads.

        What arrives after the beginning may be read or not.
        """
        until_s = time.time()
        start: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if self._since is not None:
            start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": self._since}

        def read_shard(shard_id: str) -> Window | None:
            first: StreamRecord | None = None
            last: StreamRecord | None = None
            for page in self._pages(shard_id, start):
                if page:
                    on_page(page)
                    first, last = first or page[0], page[-1]
                if last and (last.arrival_s or 0) > until_s:
                    break
            return Window(shard_id, first.sequence_number, last.sequence_number) if first and last else None

        with ThreadPoolExecutor(THREADS) as threads:
            return [window for window in threads.map(read_shard, self._shard_ids()) if window]

    def items(self, keys: Iterable[Key]) -> Mapping[Key, Item | None]:
        """What must become of the records of these keys, in DynamoDB JSON, from reading them again.

        What the stream no longer holds is not among it.
        """
        wanted = set(keys)
        numbers: dict[str, list[str]] = {}
        for partition_key, sort_key in wanted:
            numbers.setdefault(partition_key.partition("_")[2], []).append(sort_key.partition(".")[0])

        def read_shard(shard_id: str) -> dict[Key, Item | None]:
            found: dict[Key, Item | None] = {}
            first, last = min(numbers[shard_id], key=int), max(map(int, numbers[shard_id]))
            start = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": first}
            for page in self._pages(shard_id, start):
                found |= {one.key: one.item for record in page for one in items_of(record) if one.key in wanted}
                if page and int(page[-1].sequence_number) >= last:
                    break
            return found

        with ThreadPoolExecutor(THREADS) as threads:
            return {key: item for found in threads.map(read_shard, numbers) for key, item in found.items()}

    def _shard_ids(self) -> list[str]:
        """Every shard. The API takes the stream's name or the token of the next page, and not both, as botocore's
        paginator would send them: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html
        """
        page = self._kinesis.list_shards(StreamName=self.name)
        found = [shard["ShardId"] for shard in page["Shards"]]
        while token := page.get("NextToken"):
            page = self._kinesis.list_shards(NextToken=token)
            found += [shard["ShardId"] for shard in page["Shards"]]
        return found

    def _pages(self, shard_id: str, start: Mapping[str, Any]) -> Iterator[list[StreamRecord]]:
        """A shard's records page by page, until the shard ends or there is no more for now."""
        calls, size_bytes = RateLimit(CALLS_PER_S), RateLimit(BYTES_PER_S)
        try:
            answer = self._kinesis.get_shard_iterator(StreamName=self.name, ShardId=shard_id, **start)
        except self._kinesis.exceptions.ResourceNotFoundException:
            # Closed, and all that it had is older than the horizon: it is gone since it was listed, or was named.
            return
        iterator: str | None = answer["ShardIterator"]
        while iterator:
            page = self._kinesis.get_records(ShardIterator=iterator, Limit=PAGE_RECORDS)
            yield [
                StreamRecord(
                    shard_id,
                    record["SequenceNumber"],
                    _seconds(record.get("ApproximateArrivalTimestamp")),
                    record["Data"],
                )
                for record in page["Records"]
            ]
            iterator = page.get("NextShardIterator")
            if page["MillisBehindLatest"] == 0:
                return
            calls.spend(1)
            size_bytes.spend(sum(len(record["Data"]) for record in page["Records"]))


def _seconds(time: datetime | None) -> float | None:
    """The API may leave the time out.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html
    """
    return None if time is None else time.timestamp()
