"""The backlogs of targets: objects with rendered messages, each named by an entry of a lane."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from handlers.fan_out.contract import Message
from handlers.fan_out.lanes import Entry, LaneId, Lanes
from handlers.fan_out.objects import Objects
from handlers.shared.places import source_name

__all__ = ["BACKLOG_PREFIX", "Backlog", "messages_of", "place_of", "rows_of"]

BACKLOG_PREFIX = "backlog/"
# Kinesis numbers have 56 digits, those of a table's stream at most 40, so that text sorts as numbers do:
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
NUMBER_DIGITS = 64


class Backlog:
    """The backlogs in `objects`, with their entries in `lanes`. `clock` gives seconds since 1970.

    An object has a name of its own for each attempt to add it, and is never written again. An entry is told by its
    first message and by its content: a batch that comes again makes the same entry of the same messages, and another
    one of others, so that nothing is ever put in the place of what was promised.
    """

    def __init__(self, lanes: Lanes, objects: Objects, clock: Callable[[], float] = time.time) -> None:
        self.lanes = lanes
        self.objects = objects
        self.clock = clock

    def store(self, lane: LaneId, messages: Sequence[Message]) -> Entry:
        """Put an object; the entry that names it is not added yet."""
        body = json.dumps({"messages": rows_of(messages)}, separators=(",", ":")).encode()
        number = place_of(messages[0])
        name = f"{BACKLOG_PREFIX}{lane.target}/{source_name(lane.source)}/{lane.shard}/{number}-{uuid4().hex}.json"
        self.objects.put(name, body)
        digits, dot, part = number.partition(".")
        content = blake2b(body, digest_size=8).hexdigest()
        key = f"{digits.zfill(NUMBER_DIGITS)}{dot}{part}#{content}"
        return Entry(lane, key, name, len(messages), len(body), self.clock())

    def load(self, entry: Entry) -> list[Message] | None:
        """An entry's messages; None when its object is gone, which nothing here does before it removes the entry."""
        body = self.objects.get(entry.object)
        return None if body is None else messages_of(json.loads(body)["messages"])

    def shorten(self, entry: Entry, left: Sequence[Message]) -> bool:
        """Keep only what is left of an entry, in its place and with its age."""
        by = self.store(entry.lane, left)
        return self.lanes.replace(entry, by._replace(put_s=entry.put_s))


def place_of(message: Message) -> str:
    """A message's sequence number, in an aggregate with a dot and the index in seven digits behind it."""
    return message.id.rpartition(":")[2]


def rows_of(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Messages as they are stored. Positions are left out: they mean nothing outside of their batch."""
    return [{"part": one.part, "key": one.key, "id": one.id, "data": b64encode(one.data).decode()} for one in messages]


def messages_of(rows: Iterable[Mapping[str, Any]]) -> list[Message]:
    """The messages that were stored as these rows."""
    return [Message(0, row["part"], row["key"], row["id"], b64decode(row["data"])) for row in rows]
