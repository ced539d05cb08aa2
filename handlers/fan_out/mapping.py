"""Reads the targets of a source from the mapping table, and keeps them for a while.

A wrong row is told, and stops nobody: the other targets of its source get their messages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Any, NamedTuple

from handlers.fan_out.contract import Destination, Limits, WrongRowError
from handlers.fan_out.destinations import TYPES, destination_of
from handlers.fan_out.rows import Item, Row, row_of, stream_arn
from handlers.shared.clients import Renewable, create_client

__all__ = ["CACHED_S", "MappingTable", "Target", "Targets", "Wrong", "rows_under", "target_of"]

# A change is in force within 60 s: those of an invocation that begins now, and those that run for as long again.
CACHED_S = 30.0


class Target(NamedTuple):
    """A row that can be followed: `address` is what its destination makes of it."""

    row: Row
    destination: Destination
    address: Any

    @property
    def ordered(self) -> bool:
        """Whether messages of one partition key keep their order."""
        return self.row.ordered(self.destination.ordered(self.address))

    @property
    def limits(self) -> Limits:
        """What a call to it takes."""
        return self.destination.limits(self.address)


class Wrong(NamedTuple):
    """A row that cannot be followed: its key, the option, and what would be right."""

    source_arn: str
    id: str
    option: str
    message: str


class Targets(NamedTuple):
    """The rows of a source in the order of their ids, active or not, and those that are wrong."""

    rows: tuple[Target, ...]
    wrong: tuple[Wrong, ...]


def target_of(row: Row) -> Target:
    """The target that a row describes. Raises WrongRowError."""
    if row.type not in TYPES:
        raise WrongRowError("type", f"type is {row.type!r}; it must be one of {', '.join(TYPES)}")
    destination = destination_of(row.type)
    return Target(row, destination, destination.parse(row))


def rows_under(event_source_arn: str) -> tuple[str, ...]:
    """The ARNs under which a source's rows are: of the stream, also when it is read through a consumer; of a table's
    stream, which is another one each time that it is switched on, those of the table as well."""
    arn = stream_arn(event_source_arn)
    table, _, label = arn.partition("/stream/")
    return (arn, table) if label else (arn,)


class MappingTable:
    """The mapping table `name`. `make_client` makes its DynamoDB client at the first use; safe in several threads."""

    def __init__(
        self,
        name: str,
        make_client: Callable[[], Any] = lambda: create_client("dynamodb", connections=4),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._client = Renewable(make_client)
        self._clock = clock
        self._lock = Lock()
        self._read: dict[str, tuple[float, Targets]] = {}
        # What became of an item stays so as long as it does; a target that is the same object has the same row.
        self._made: dict[tuple[str, str], tuple[Item, Target | Wrong]] = {}

    def targets(self, event_source_arn: str, longest_s: float = CACHED_S) -> Targets:
        """The targets of a source, read at most so many seconds ago. Raises what botocore raises."""
        with self._lock:
            read_at, found = self._read.get(event_source_arn, (0.0, None))
            if found is None or self._clock() - read_at >= longest_s:
                now = self._clock()
                found = self._targets(event_source_arn)
                self._read[event_source_arn] = (now, found)
            return found

    def _targets(self, event_source_arn: str) -> Targets:
        targets: dict[str, Target] = {}
        wrong: list[Wrong] = []
        for arn in rows_under(event_source_arn):
            for item in self._items(arn):
                made = self._kept(arn, item)
                if isinstance(made, Wrong):
                    wrong.append(made)
                elif made.row.id in targets:
                    other = targets[made.row.id].row.source_arn
                    wrong.append(
                        Wrong(arn, made.row.id, "id", f"id is that of a row of {other}; name one of them anew")
                    )
                else:
                    targets[made.row.id] = made
        return Targets(tuple(targets[name] for name in sorted(targets)), tuple(wrong))

    def _kept(self, arn: str, item: Item) -> Target | Wrong:
        name = (arn, item["id"]["S"])
        kept = self._made.get(name)
        if kept is None or kept[0] != item:
            kept = self._made[name] = (item, _made_of(*name, item))
        return kept[1]

    def _items(self, arn: str) -> Iterator[Item]:
        """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html"""
        request: Mapping[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": "sourceArn = :arn",
            "ExpressionAttributeValues": {":arn": {"S": arn}},
        }
        start: Mapping[str, Any] = {}
        while True:
            with self._client.using() as dynamodb:
                page = dynamodb.query(**request, **start)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _made_of(arn: str, name: str, item: Item) -> Target | Wrong:
    try:
        return target_of(row_of(item))
    except WrongRowError as error:
        return Wrong(arn, name, error.option, str(error))
