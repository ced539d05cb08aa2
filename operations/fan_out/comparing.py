"""Compares what a target should have with what it has: messages in, a verdict out, and no calls.

A target may have a message twice, since a crash delivers again; it may not lack one, nor have those of a partition key
in another order where an order is promised.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from handlers.fan_out.contract import Message

# Ids of missing messages that are shown.
SHOWN = 20


class Arrived(NamedTuple):
    """A message as a target has it."""

    key: str
    data: bytes


@dataclass(frozen=True)
class Verdict:
    """Of one target, in messages: `expected` of them should be there, beside those that `waiting` in its backlog or are
    `failed`, of which the on-failure bucket knows. `missing` are ids, `late` keys whose messages came out of order.

    `repeated` came more than once, `others` are somebody else's, or older than what was asked for.
    """

    expected: int
    waiting: int
    failed: int
    missing: Sequence[str]
    late: Sequence[str] = ()
    repeated: int = 0
    others: int = 0

    @property
    def equal(self) -> bool:
        """Whether nothing is missing, and nothing out of order."""
        return not self.missing and not self.late


def compare(
    expected: Iterable[Message],
    waiting: AbstractSet[str],
    failed: AbstractSet[str],
    arrived: Iterable[Arrived],
    ordered: bool,
) -> Verdict:
    """`waiting` and `failed` are ids of messages; `arrived` is in the order of each key."""
    wanted: dict[bytes, list[Message]] = {}
    counts: Counter[str] = Counter()
    for message in expected:
        place = "waiting" if message.id in waiting else "failed" if message.id in failed else "expected"
        counts[place] += 1
        if place == "expected":
            wanted.setdefault(_digest(message.key, message.data), []).append(message)
    came: Counter[bytes] = Counter()
    order: dict[str, list[bytes]] = {}
    for one in arrived:
        digest = _digest(one.key, one.data)
        came[digest] += 1
        if digest in wanted and came[digest] <= len(wanted[digest]):
            order.setdefault(one.key, []).append(digest)
    missing = [message.id for digest, messages in wanted.items() for message in messages[came[digest] :]]
    return Verdict(
        expected=counts["expected"],
        waiting=counts["waiting"],
        failed=counts["failed"],
        missing=missing,
        late=_late(wanted, order) if ordered else (),
        repeated=sum(max(0, came[digest] - len(messages)) for digest, messages in wanted.items()),
        others=sum(count for digest, count in came.items() if digest not in wanted),
    )


def _late(wanted: Mapping[bytes, Sequence[Message]], order: Mapping[str, Sequence[bytes]]) -> tuple[str, ...]:
    """Keys whose messages did not come, at their first coming, in the order in which the source has them.

    Where a key has several messages of one content, they are taken as having come in order.
    """
    late = []
    for key, digests in order.items():
        taken: Counter[bytes] = Counter()
        places = []
        for digest in digests:
            places.append(_place(wanted[digest][taken[digest]]))
            taken[digest] += 1
        if places != sorted(places):
            late.append(key)
    return tuple(late)


def _place(message: Message) -> tuple[int, int]:
    """Where a message is among those of its key: a key's sequence numbers grow, also from a shard to its children."""
    number, _, part = message.id.rpartition(":")[2].partition(".")
    return int(number), int(part or 0)


def _digest(key: str, data: bytes) -> bytes:
    return blake2b(len(key.encode()).to_bytes(8, "big") + key.encode() + data, digest_size=16).digest()
