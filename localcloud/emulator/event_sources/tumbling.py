"""Tumbling windows: records of one span of time share a state that the function hands from invocation to invocation.
Pure.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html and …/services-ddb-windows.html
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localcloud.emulator.event_sources.records import StreamRecord

# "Your state can be a maximum of 1 MB per shard. If it exceeds that size, Lambda terminates the window early."
MAX_STATE_BYTES = 1024 * 1024


@dataclass
class Window:
    """The open window of a shard, in seconds since the epoch, and what the function has gathered in it."""

    start_s: int
    length_s: int
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def end_s(self) -> int:
        return self.start_s + self.length_s

    def is_over(self, now_s: float, following: StreamRecord | None) -> bool:
        """Whether the time of the window is up, or the next record is of a later one."""
        return following.arrival_s >= self.end_s if following is not None else now_s >= self.end_s

    def event(self, shard_id: str, source_arn: str, final: bool) -> dict[str, Any]:
        """What an event carries besides its records."""
        return {
            "window": {"start": _iso(self.start_s), "end": _iso(self.end_s)},
            "state": self.state,
            "shardId": shard_id,
            "eventSourceARN": source_arn,
            "isFinalInvokeForWindow": final,
            "isWindowTerminatedEarly": final and self.is_too_large(),
        }

    def is_too_large(self) -> bool:
        return len(json.dumps(self.state).encode()) > MAX_STATE_BYTES


def window_of(record: StreamRecord, length_s: int) -> Window:
    """The window that a record belongs to, by the time it arrived."""
    return Window(int(record.arrival_s // length_s) * length_s, length_s)


def of_one_window(records: Sequence[StreamRecord], window: Window) -> int:
    """How many of the leading records arrived before the window's end."""
    for count, record in enumerate(records):
        if record.arrival_s >= window.end_s:
            return count
    return len(records)


def state_in(result: Any) -> dict[str, Any] | None:
    """The state that the function returned; None when its answer has none, which is a failed invocation."""
    state = result.get("state") if isinstance(result, dict) else None
    return state if isinstance(state, dict) else None


def _iso(moment_s: int) -> str:
    return f"{datetime.fromtimestamp(moment_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
