"""A table's stream as it is now: its log of changes, and the shards that are views of it. For any thread.

The emulator's own records are the log, so that whatever else reads them sees the same changes. Shards are kept for a
stream once it was resharded; before that it has one.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import request_scope

from localcloud.emulator.table_streams import change_records
from localcloud.emulator.table_streams.shards import Shard, children, closed, hash_of, unexpired

Record = dict[str, Any]

# Held while a log's end and its shards are looked at together, and while shards are replaced.
_lock = threading.Lock()
_shards: dict[str, list[Shard]] = {}


class StreamNotFoundError(LookupError):
    """There is no such stream, or it was switched off more than a day ago."""


class ShardNotFoundError(LookupError):
    """The stream has no such shard."""


@dataclass(frozen=True)
class Read:
    """Records of a shard by their positions in the log, where to go on, and whether the shard ends there."""

    records: list[tuple[int, Record]]
    next_position: int
    ended: bool


@dataclass(frozen=True)
class Log:
    """A stream at one moment: what can be read of its log, from position `start` up to `end`, exclusive."""

    stream_arn: str
    shards: list[Shard]
    start: int
    end: int
    _records: list[Record]
    _partition_key: str

    def shard(self, shard_id: str | None) -> Shard:
        """Raises ShardNotFoundError."""
        for one in self.shards:
            if one.shard_id == shard_id:
                return one
        raise ShardNotFoundError(f"{shard_id} of {self.stream_arn}")

    def start_of(self, shard: Shard) -> int:
        """Where the shard's oldest record is, or would be."""
        return min(max(self.start, shard.first), self.end_of(shard))

    def end_of(self, shard: Shard) -> int:
        """The position after the last one that is the shard's so far."""
        return self.end if shard.last is None else shard.last

    def read(self, shard: Shard, position: int, limit: int) -> Read:
        """Records of the shard from a position on; one behind the trim horizon reads from the horizon."""
        found: list[tuple[int, Record]] = []
        following = first = max(position, self.start_of(shard))
        until = self.end_of(shard)
        if shard.takes_all:
            taken = self._records[first - self.start : min(first + limit, until) - self.start]
            found, following = list(enumerate(taken, first)), first + len(taken)
        else:
            for at, record in self._from(first, until):
                following = at + 1
                if shard.takes(hash_of(self._partition_of(record))):
                    found.append((at, record))
                    if len(found) == limit:
                        break
        return Read(found, following, not shard.is_open and following >= until)

    def position_of(self, shard: Shard, sequence_number: int) -> int:
        """The position of the shard's first record that has this number or a higher one."""
        first, until = self.start_of(shard), self.end_of(shard)
        return next((at for at, record in self._from(first, until) if number_of(record) >= sequence_number), until)

    def oldest_number(self) -> int | None:
        """The sequence number of the oldest record that has not been trimmed."""
        return number_of(self._records[0]) if self._records else None

    def _from(self, first: int, until: int) -> Iterator[tuple[int, Record]]:
        return zip(range(first, until), self._records[first - self.start : until - self.start], strict=False)

    def _partition_of(self, record: Record) -> str:
        from ministack.services import dynamodb

        return str(dynamodb._extract_key_val(record["dynamodb"]["Keys"][self._partition_key]))


def number_of(record: Record) -> int:
    return int(record["dynamodb"]["SequenceNumber"])


def find(stream_arn: str) -> Log:
    """The stream with this ARN, in whichever account. Raises StreamNotFoundError."""
    with _lock:
        return _find(stream_arn)


def reshard(stream_arn: str, into: int, shard_id: str | None = None) -> Log:
    """Close an open shard, or all, and open `into` children in its place. Who reads the stream is told.

    Raises StreamNotFoundError; ShardNotFoundError when there is no such open shard, as in a stream that is switched
    off.
    """
    with _lock:
        log, now_s = _find(stream_arn), time.time()
        parents = {one.shard_id for one in log.shards if one.is_open and shard_id in (None, one.shard_id)}
        if not parents:
            raise ShardNotFoundError(f"{shard_id or 'An open shard'} of {stream_arn}")
        ending, starting = change_records.next_number(), change_records.next_number()
        remaining: list[Shard] = []
        for one in log.shards:
            if one.shard_id in parents:
                parent = closed(one, log.end, ending, now_s)
                remaining += [parent, *children(parent, into, starting, now_s)]
            else:
                remaining.append(one)
        _shards[stream_arn] = sorted(remaining, key=lambda one: one.shard_id)
        log = _find(stream_arn)
    spec = parse_arn(stream_arn)
    change_records.notify(spec.account_id, spec.region)
    return log


def _find(stream_arn: str) -> Log:
    from ministack.services import dynamodb

    account_id, region, table_name = _parts(stream_arn)
    table = dynamodb._tables.get_scoped(account_id, region, table_name) or {}
    if table.get("LatestStreamArn") == stream_arn and table["StreamSpecification"].get("StreamEnabled"):
        start = dynamodb.stream_start_position(table_name, account_id=account_id, region=region)
        records = dynamodb.stream_live_records(table_name, account_id=account_id, region=region)
        switched_off_s = None
    else:
        with request_scope(account_id, region):
            table = dynamodb.closed_stream(stream_arn)
        if table is None:
            _shards.pop(stream_arn, None)
            raise StreamNotFoundError(f"Stream {stream_arn} not found.")
        start, records, switched_off_s = table["trimmed"], table["records"], table["ClosedAt"]
    end = start + len(records)
    shards = _shards.get(stream_arn) or [_only_shard()]
    if switched_off_s is not None:
        # "If you disable a stream, any shards that are open will be closed."
        newest = number_of(records[-1]) if records else 0
        shards = [
            closed(one, end, str(max(newest, int(one.starting_number))), switched_off_s) if one.is_open else one
            for one in shards
        ]
    shards = unexpired(shards, start, time.time() - dynamodb._STREAM_RETENTION_SECONDS)
    [partition_key] = [key["AttributeName"] for key in table["KeySchema"] if key["KeyType"] == "HASH"]
    return Log(stream_arn, shards, start, end, records, partition_key)


def _only_shard() -> Shard:
    from ministack.services import dynamodb_streams

    return Shard(dynamodb_streams._DEFAULT_SHARD_ID, None, 0, change_records.FIRST_NUMBER)


@lru_cache(maxsize=1024)
def _parts(stream_arn: str) -> tuple[str, str, str]:
    """Account, Region and table of a stream's ARN. Raises StreamNotFoundError when it is none."""
    try:
        spec = parse_arn(stream_arn)
    except ArnParseError:
        raise StreamNotFoundError(f"Stream {stream_arn} not found.") from None
    kind, _, rest = str(spec.resource).partition("/")
    if spec.service != "dynamodb" or kind != "table":
        raise StreamNotFoundError(f"Stream {stream_arn} not found.")
    return str(spec.account_id), str(spec.region), rest.partition("/")[0]


def forget() -> None:
    """Forget every reshard, as a reset does."""
    with _lock:
        _shards.clear()
