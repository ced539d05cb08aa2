"""The lanes: whether the records of a shard go to a target directly, or to its backlog because it is behind.

A lane is behind for as long as it has entries, the other way round it may be behind for a moment without any. Each
entry names an object with messages. The promises of the store, on which everything rests:

- an entry is added together with the mark of its lane, in one transaction, which also raises the lane's version;
- a lane becomes direct only if its version is what it was before its entries were found to be none;
- an entry is removed or replaced only while it names the object that was delivered.

So no entry is ever in a direct lane, whoever is killed and whoever comes in between. docs/fan-out.md has the protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

__all__ = ["Entry", "Lane", "LaneId", "Lanes", "Lease", "begin", "is_blocked"]


class LaneId(NamedTuple):
    """The ARN of the stream, its shard (`-` for a table's stream, whose events name none), and the target's id."""

    source: str
    shard: str
    target: str


class Lane(NamedTuple):
    """A lane as it was read. `since_s` is when it fell behind, in seconds since 1970.

    `after` maps shards to the last entry that their lanes of this target had when this lane began: its own entries have
    to wait until those are delivered, since the shard may be a child of theirs.
    """

    id: LaneId
    version: int = 0
    behind: bool = False
    since_s: float | None = None
    after: Mapping[str, str] = MappingProxyType({})


class Entry(NamedTuple):
    """An object of the backlog with so many `messages`. Entries of a lane are in the order of their `key`, which begins
    with the sequence number of the first message."""

    lane: LaneId
    key: str
    object: str
    messages: int
    size_bytes: int
    put_s: float


class Lease(NamedTuple):
    """Who drains a target, until when in seconds since 1970. It keeps two from delivering the same; no promise hangs on
    it."""

    source: str
    target: str
    holder: str
    until_s: float


class Lanes(Protocol):
    """Where the lanes are. Each method is one call, consistent, and raises what botocore raises."""

    def of_shard(self, source: str, shard: str) -> dict[str, Lane]:
        """The lanes of a shard by target."""

    def behind_of(self, source: str, target: str) -> list[LaneId]:
        """The lanes of a target that are behind."""

    def create(self, lane: Lane) -> bool:
        """Begin a lane; False when there is one."""

    def get(self, lane: LaneId) -> Lane | None:
        """A lane as it is now."""

    def append(self, entry: Entry, falls: bool) -> bool:
        """Add an entry, and in the same transaction mark its lane. Without `falls` only while the lane is behind: False
        when it is not."""

    def entries(self, lane: LaneId, most: int, newest: bool = False) -> Sequence[Entry]:
        """So many entries of a lane, the oldest first or the newest."""

    def remove(self, entry: Entry) -> bool:
        """Remove an entry; False when it is another one by now."""

    def replace(self, entry: Entry, by: Entry) -> bool:
        """Put another entry in an entry's place; False when it is another one by now."""

    def release(self, lane: Lane) -> bool:
        """Make a lane direct; False when anything came in since it was read."""

    def behind(self) -> Iterable[tuple[LaneId, float]]:
        """All lanes that are behind and since when. Not consistent: what changed just now may be missing."""

    def take(self, lease: Lease, now_s: float) -> bool:
        """Take or renew a lease; False when somebody else has it."""

    def give(self, lease: Lease) -> None:
        """Give a lease back."""


def begin(lanes: Lanes, lane: LaneId, ordered: bool, now_s: float) -> Lane:
    """Begin the lane of a shard that was never seen for a target.

    The shard may be a child: what its parent left in the backlog must not be overtaken where an order is kept. Lambda
    reads a child only after its parent is done, so that the parent's last entry is there by now. Which shards are the
    parents is not asked: waiting for what all lanes of the target have now is waiting for theirs, too.
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html (shards are read in the order of reshards)
    """
    after = {}
    for other in lanes.behind_of(lane.source, lane.target) if ordered else ():
        for newest in lanes.entries(other, 1, newest=True):
            after[other.shard] = newest.key
    began = Lane(lane, behind=bool(after), since_s=now_s if after else None, after=after)
    if not lanes.create(began):
        return lanes.get(lane) or began
    return began


def is_blocked(lanes: Lanes, lane: Lane) -> bool:
    """Whether a lane's entries have to wait for older ones of other lanes."""
    return any(
        entry.key <= last
        for shard, last in lane.after.items()
        for entry in lanes.entries(lane.id._replace(shard=shard), 1)
    )
