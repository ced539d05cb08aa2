"""One event source mapping at work: its shards, parents before children, and its state.

States: https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html. Order of shards after
a reshard:
https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import request_scope

from localcloud.emulator.event_sources.access import Reader
from localcloud.emulator.event_sources.delivery import Delivery
from localcloud.emulator.event_sources.lanes import Lane, Shard
from localcloud.emulator.event_sources.settings import Settings
from localcloud.emulator.event_sources.sources import (
    Chunk,
    Source,
    SourceNotFoundError,
    SourceReplacedError,
    source_of,
)
from localcloud.emulator.event_sources.windowed_lanes import WindowedLane
from localcloud.emulator.shard_ranges import ShardRange


class Mapping:
    """`record` is the emulator's record of the mapping, in which state and result are written."""

    def __init__(self, account_id: str, region: str, record: dict[str, Any], gone: Callable[["Mapping"], None]) -> None:
        """Raises SourceNotFoundError."""
        self.id: str = record["UUID"]
        self.record = record
        self.scope = (account_id, region)
        self.settings = Settings.of(record)
        self.stopped = False
        self.running = False
        self.source: Source = source_of(record["EventSourceArn"], self.role_arn)
        self.reader = Reader(record["EventSourceArn"], record["FunctionArn"], self.role_arn)
        self.delivery = Delivery(self.id, self.source, lambda: self.settings, self.role_arn)
        self._gone = gone
        self._lock = threading.RLock()
        self._shards: dict[str, Shard] = {}
        self._finished: set[str] = set()
        self._starts = self._starting_positions()
        self._unreadable = False
        self._unsubscribe: Callable[[], None] = lambda: None

    # Starting and stopping ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to read, as far as the mapping is enabled."""
        self._unsubscribe = self.source.subscribe(self.wake)
        with self._lock:
            self._start_shards()

    def stop(self) -> None:
        """End for good; batches in flight end, nothing more is sent."""
        self.running = False
        self.stopped = True
        self._unsubscribe()
        self.wake()

    def apply(self) -> None:
        """Take over what the record says now: pause, go on, or work with other settings.

        Paused, batches in flight end and everything else stays as it is. Another ParallelizationFactor or
        TumblingWindowInSeconds makes new lanes once the old ones have let go.
        """
        with self._lock:
            before, self.settings = self.settings, Settings.of(self.record)
            self.reader = Reader(self.record["EventSourceArn"], self.record["FunctionArn"], self.role_arn)
            self.running = bool(self.record["Enabled"])
            if (before.lanes, before.tumbling_s) != (self.settings.lanes, self.settings.tumbling_s):
                for shard in self._shards.values():
                    for lane in shard.lanes:
                        lane.retired = True
        self.wake()

    def settle(self) -> None:
        """Go from the passing state that the API has shown to the lasting one, unless a batch in flight keeps it."""
        with self._lock:
            state = self.record["State"]
            if state in ("Creating", "Enabling", "Updating"):
                self._become("Enabled" if self.record["Enabled"] else "Disabled")
                self.polled()
        self.lane_rests()

    def lane_rests(self) -> None:
        """A lane has nothing in flight: what waited for the last one can happen."""
        with self._lock:
            if self.record["State"] not in ("Disabling", "Deleting"):
                return
            if any(shard.is_busy() for shard in self._shards.values()):
                return
            if self.record["State"] == "Disabling":
                self._become("Disabled")
            else:
                self._gone(self)

    def _become(self, state: str) -> None:
        self.record |= {"State": state, "LastModified": time.time()}

    def polled(self) -> None:
        """Say that the mapping polls, also when there is nothing to read; one that may not read does not."""
        if self.running and not self.stopped and not self._unreadable:
            self.delivery.count_polled(0)

    def wake(self) -> None:
        """Have every lane look again."""
        for shard in tuple(self._shards.values()):
            shard.wake()

    # For lanes ------------------------------------------------------------------------------------------------------

    def read(self, shard: Shard, limit: int) -> Chunk:
        """Records of a shard, if the execution role may read. Raises CannotReadError and SourceNotFoundError.

        Nothing is asked while there is nothing to read.
        """
        try:
            if not self.source.has_news(shard.shard_id, shard.position):
                return Chunk([], shard.position, False)
            self.reader.require_read()
            return self.source.read(shard.shard_id, shard.position, limit)
        except SourceReplacedError:
            self._restart()
            raise

    def lane_stopped(self, lane: Lane) -> None:
        """A lane has ended: with its shard, to be replaced, or with the mapping."""
        shard = lane.shard
        with self._lock:
            lane.ended = True
            current = not self.stopped and self._shards.get(shard.shard_id) is shard
            if current and all(one.ended for one in shard.lanes):
                if shard.is_finished():
                    del self._shards[shard.shard_id]
                    self._finished.add(shard.shard_id)
                    self._start_shards()
                else:
                    shard.start()
        self.lane_rests()

    def report(self, result: str) -> None:
        self.record["LastProcessingResult"] = result

    def readable(self) -> None:
        if self._unreadable:
            self._unreadable = False
            self.report("OK")

    def unreadable(self, error: Exception) -> None:
        self._unreadable = True
        self.report(f"PROBLEM: {error}")

    def role_arn(self) -> str:
        """The execution role of the function now; empty when there is no function."""
        from ministack.services import lambda_svc

        with request_scope(*self.scope):
            _, config, _ = lambda_svc._get_func_record_for_ref(self.record["FunctionArn"])
        return str((config or {}).get("Role") or "")

    # Shards ---------------------------------------------------------------------------------------------------------

    def _starting_positions(self) -> dict[str, int]:
        """Where to start in the shards that exist now; a shard that is not here is read from its start.

        LATEST means from now on, so a shard that is closed already has nothing for it.
        """
        kind, found = self.record["StartingPosition"], self.source.shards()
        if kind == "LATEST":
            self._finished.update(one.shard_id for one in found if one.closed)
            return {one.shard_id: one.end for one in found}
        if kind == "AT_TIMESTAMP":
            since_s = float(self.record["StartingPositionTimestamp"])
            return {one.shard_id: self.source.position_at(one.shard_id, since_s) for one in found}
        return {}

    def _start_shards(self) -> None:
        """Start every shard whose parents are done. A parent that is not there any more has expired."""
        try:
            found = self.source.shards()
        except SourceNotFoundError as error:
            self.unreadable(error)
            return
        present = {one.shard_id for one in found}
        for one in found:
            if one.shard_id not in self._finished and one.shard_id not in self._shards and self._is_next(one, present):
                start = self._starts.get(one.shard_id, one.start)
                shard = Shard(self, one.shard_id, start, self._make_lane)
                self._shards[one.shard_id] = shard
                shard.start()

    def _make_lane(self, shard: Shard, number: int) -> Lane:
        return WindowedLane(shard, number) if self.settings.tumbling_s else Lane(shard, number)

    def _is_next(self, shard: ShardRange, present: set[str]) -> bool:
        return all(parent in self._finished or parent not in present for parent in shard.parent_ids)

    def _restart(self) -> None:
        """Begin anew with a stream that has taken the name of the one that was read."""
        with self._lock:
            for shard in self._shards.values():
                for lane in shard.lanes:
                    lane.retired = True
                    lane.woken.set()
            self._shards, self._finished, self._starts = {}, set(), {}
            self._start_shards()
