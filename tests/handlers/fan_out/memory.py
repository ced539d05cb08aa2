"""The lanes and the objects in memory: what they promise, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from handlers.fan_out.lanes import Entry, Lane, LaneId, Lease


class MemoryLanes:
    """See handlers.fan_out.lanes.Lanes. The index shows what changed at the next `catch_up`, where it `lags`."""

    def __init__(self, lags: bool = False) -> None:
        self.lanes: dict[LaneId, Lane] = {}
        self.backlog: dict[LaneId, dict[str, Entry]] = {}
        self.leases: dict[tuple[str, str], Lease] = {}
        self._lags = lags
        self._index: list[tuple[LaneId, float]] = []
        self._tokens: set[str] = set()

    def of_shard(self, source: str, shard: str) -> dict[str, Lane]:
        return {lane.target: kept for lane, kept in self.lanes.items() if (lane.source, lane.shard) == (source, shard)}

    def behind_of(self, source: str, target: str) -> list[LaneId]:
        lanes = [lane for lane, kept in self.lanes.items() if kept.behind]
        return sorted(lane for lane in lanes if (lane.source, lane.target) == (source, target))

    def create(self, lane: Lane) -> bool:
        return self.lanes.setdefault(lane.id, lane) is lane

    def get(self, lane: LaneId) -> Lane | None:
        return self.lanes.get(lane)

    def append(self, entry: Entry, falls: bool) -> bool:
        if entry.object in self._tokens:
            return True
        lane = self.lanes.get(entry.lane, Lane(entry.lane))
        if not falls and not lane.behind:
            return False
        if falls:
            lane = lane._replace(behind=True, since_s=entry.put_s if lane.since_s is None else lane.since_s)
        self.lanes[entry.lane] = lane._replace(version=lane.version + 1)
        self.backlog.setdefault(entry.lane, {})[entry.key] = entry
        self._tokens.add(entry.object)
        return True

    def entries(self, lane: LaneId, most: int, newest: bool = False) -> Sequence[Entry]:
        entries = self.backlog.get(lane, {})
        return [entries[key] for key in sorted(entries, reverse=newest)[:most]]

    def remove(self, entry: Entry) -> bool:
        return self._is_still(entry) and bool(self.backlog[entry.lane].pop(entry.key))

    def replace(self, entry: Entry, by: Entry) -> bool:
        if not self._is_still(entry):
            return False
        self.backlog[entry.lane][entry.key] = by._replace(key=entry.key)
        return True

    def release(self, lane: Lane) -> bool:
        now = self.lanes[lane.id]
        if now.version != lane.version or not now.behind:
            return False
        self.lanes[lane.id] = Lane(lane.id, now.version + 1)
        return True

    def behind(self) -> Iterable[tuple[LaneId, float]]:
        if not self._lags:
            self.catch_up()
        return list(self._index)

    def take(self, lease: Lease, now_s: float) -> bool:
        held = self.leases.get((lease.source, lease.target), lease)
        if held.holder != lease.holder and held.until_s >= now_s:
            return False
        self.leases[lease.source, lease.target] = lease
        return True

    def give(self, lease: Lease) -> None:
        held = self.leases.get((lease.source, lease.target))
        if held and held.holder == lease.holder:
            del self.leases[lease.source, lease.target]

    def catch_up(self) -> None:
        self._index = [(lane, kept.since_s or 0.0) for lane, kept in self.lanes.items() if kept.behind]

    def _is_still(self, entry: Entry) -> bool:
        now = self.backlog.get(entry.lane, {}).get(entry.key)
        return now is not None and now.object == entry.object


class MemoryObjects:
    """See handlers.fan_out.objects.Objects."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> None:
        self.kept[key] = body

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.kept.pop(key, None)
