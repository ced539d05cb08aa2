"""A stream whose shards are split and merged, and what a function is given of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors import Actor

from handlers.fan_out.contract import Message
from handlers.fan_out.inputs import Inputs

STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/one"
TABLE = "arn:aws:dynamodb:eu-west-1:111111111111:table/one/stream/2026"
POISON = b"poison"


@dataclass
class Cursor:
    """A shard's records of some keys, which one invocation at a time works off: with a parallelization factor a shard
    has several. `at` is Lambda's checkpoint."""

    keys: frozenset[str]
    records: list[dict[str, Any]] = field(default_factory=list)
    at: int = 0
    actor: Actor | None = None


@dataclass
class Shard:
    id: str
    keys: frozenset[str]
    cursors: list[Cursor]
    parents: list[Shard]
    closed: bool = False

    @property
    def readable(self) -> bool:
        """Lambda reads a shard when its parents are done."""
        return all(parent.done for parent in self.parents)

    @property
    def done(self) -> bool:
        return self.closed and self.readable and all(cursor.at == len(cursor.records) for cursor in self.cursors)


class Stream:
    """A data stream or a table's. `parallel` is the parallelization factor."""

    def __init__(self, source: str, parallel: int) -> None:
        self.source, self.parallel = source, parallel
        self.shards: list[Shard] = []
        self._number = 0

    def shard(self, keys: frozenset[str], parents: Sequence[Shard] = ()) -> Shard:
        groups = [frozenset(sorted(keys)[index :: self.parallel]) for index in range(self.parallel)]
        shard = Shard(f"shardId-{len(self.shards):03}", keys, [Cursor(group) for group in groups], list(parents))
        self.shards.append(shard)
        return shard

    def put(self, key: str, poison: bool = False) -> int:
        """A record comes; its number."""
        self._number += 1
        shard = next(one for one in self.shards if key in one.keys and not one.closed)
        data = POISON if poison else b"%d" % self._number
        if self.source == STREAM:
            record = {
                "eventID": f"{shard.id}:{self._number}",
                "kinesis": {
                    "sequenceNumber": str(self._number),
                    "partitionKey": key,
                    "data": base64.b64encode(data).decode(),
                },
            }
        else:
            record = {
                "eventID": f"{self._number:032x}",
                "dynamodb": {"SequenceNumber": str(self._number), "Keys": {"pk": {"S": key}}, "data": data.decode()},
            }
        next(cursor for cursor in shard.cursors if key in cursor.keys).records.append(record)
        return self._number

    def split(self, shard: Shard) -> None:
        shard.closed = True
        keys = sorted(shard.keys)
        for half in (keys[::2], keys[1::2]):
            if half:
                self.shard(frozenset(half), [shard])

    def merge(self, one: Shard, other: Shard) -> None:
        one.closed = other.closed = True
        self.shard(one.keys | other.keys, [one, other])

    def readable(self) -> list[tuple[Shard, Cursor]]:
        """What an invocation may begin on."""
        return [
            (shard, cursor)
            for shard in self.shards
            if shard.readable
            for cursor in shard.cursors
            if cursor.actor is None and cursor.at < len(cursor.records)
        ]


def rendered(inputs: Inputs) -> Iterator[Message]:
    for position, record in enumerate(inputs.records):
        if "kinesis" in record:
            kinesis = record["kinesis"]
            data = base64.b64decode(kinesis["data"])
            yield Message(position, None, kinesis["partitionKey"], record["eventID"], data)
        else:
            change = record["dynamodb"]
            yield Message(
                position, None, change["Keys"]["pk"]["S"], f"-:{change['SequenceNumber']}", change["data"].encode()
            )
