"""What a target never takes, in the on-failure bucket under the target's id.

    targets/<target id>/<source>/<shard>/<sequence number>[.<index>].json   one message, or a record that makes none
    targets/<target id>/<source>/<shard>/<sequence number>[.<index>]-<digest>.json   an entry of the backlog

The object has `messages` as the target would have got them, if they could be made, and in `payload` the record, if it
is known: `tributary redrive` sends the one or makes the other again. Keeping a message twice is keeping it once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from handlers.fan_out.backlog import place_of, rows_of
from handlers.fan_out.contract import Message
from handlers.fan_out.lanes import LaneId
from handlers.fan_out.objects import Objects
from handlers.shared.places import Place
from handlers.shared.poison import REFUSED, Poison
from handlers.shared.streams import part_suffix

__all__ = ["TARGETS_PREFIX", "UNDELIVERED", "Failures"]

TARGETS_PREFIX = "targets/"
# The kind of what was not delivered in the row's `retrySeconds`; the others are in handlers.shared.poison.
UNDELIVERED = "undelivered"


class Failures:
    """What the targets of a source never took, kept in `objects` by `function`."""

    def __init__(self, objects: Objects, function: str) -> None:
        self._objects = objects
        self._function = function

    def keep_record(self, lane: LaneId, number: str, poison: Poison, record: Mapping[str, Any]) -> None:
        """Keep a record of which no message could be made. Raises what botocore raises."""
        name = number if poison.part is None else number + part_suffix(poison.part)
        self._keep(lane, name, {"reason": poison.reason, "errorKind": poison.kind, **_payload(record)})

    def keep_message(self, lane: LaneId, message: Message, why: str, record: Mapping[str, Any] | None = None) -> None:
        """Keep a message, with the record that it was made of where that is known. Raises what botocore raises."""
        content = {"reason": why, "errorKind": REFUSED, "messages": rows_of([message])}
        self._keep(lane, place_of(message), content | (_payload(record) if record else {}))

    def keep_undelivered(self, lane: LaneId, messages: Sequence[Message], why: str) -> None:
        """Keep what is left of an entry of the backlog. Raises what botocore raises."""
        rows = rows_of(messages)
        digest = blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()
        name = f"{place_of(messages[0])}-{digest}"
        self._keep(lane, name, {"reason": why, "errorKind": UNDELIVERED, "messages": rows})

    def _keep(self, lane: LaneId, name: str, content: Mapping[str, Any]) -> None:
        key = Place(lane.target, lane.source, lane.shard, name).key(TARGETS_PREFIX)
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        where = {"function": self._function, "target": lane.target, "source": lane.source, "shard": lane.shard}
        kept = {**content, **where, "sequenceNumber": re.split("[.-]", name)[0], "time": now}
        body = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
        self._objects.put(key, body)


def _payload(record: Mapping[str, Any]) -> dict[str, str]:
    """The record in the form in which failed batches are read."""
    return {"payload": json.dumps({"Records": [record]}, ensure_ascii=False)}
