"""What the records of an event bring to a target: a Kinesis record its data, or the records of an aggregate; a table's
change a document.

| record | `convertDDB` | data |
|---|---|---|
| Kinesis | | as it was put |
| a change | no | `{"eventName", "sequenceNumber", "keys", "newImage", "oldImage", …}`, images in DynamoDB JSON |
| a change with its new image | yes | the new image as plain JSON, numbers digit for digit |
| a change without (REMOVE) | yes | `{"eventName": "REMOVE", "keys": {…}}`, keys as plain JSON |

A target that takes whole records (Lambda) gets the record as Lambda passes it: of an aggregate one record for each of
its own, with `convertDDB` its images as plain JSON.
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html, https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from handlers.shared.poison import Poison, undecidable
from handlers.shared.streams import PART, data_of, part_suffix, shard_of

if TYPE_CHECKING:
    from handlers.shared.kpl import Aggregate

__all__ = ["Input", "Inputs", "Record", "with_data"]

Record = Mapping[str, Any]


class Input(NamedTuple):
    """One record of a producer, or one change of an item: `position`, `part`, `key` and `id` are those of its message.

    `record` is the record that brought it, `sequence_number` where that is in its shard.
    """

    position: int
    part: int | None
    key: str
    id: str
    data: bytes
    sequence_number: str
    record: Record

    @property
    def is_change(self) -> bool:
        """Whether it is a change of an item."""
        return "dynamodb" in self.record


class Inputs:
    """The inputs of an event, made once for all targets that want them in the same form."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self._made: dict[tuple[bool, bool, bool], Sequence[Input | Poison]] = {}

    def of(self, deaggregate: bool, convert_ddb: bool, whole: bool) -> Sequence[Input | Poison]:
        """The inputs in order, and records that none can be made of; `whole`: for a target that takes whole records."""
        form = (deaggregate, convert_ddb, whole)
        if form not in self._made:
            self._made[form] = [
                one for position, record in enumerate(self.records) for one in _inputs(position, record, *form)
            ]
        return self._made[form]

    @cached_property
    def shard(self) -> str:
        """The shard of the event's records; `-` for a table's stream, whose events do not name it."""
        record = self.records[0]
        return shard_of(record) if "kinesis" in record else "-"


def _inputs(
    position: int, record: Record, deaggregate: bool, convert_ddb: bool, whole: bool
) -> Iterator[Input | Poison]:
    try:
        if "kinesis" in record:
            yield from _of_kinesis(position, record, deaggregate)
        elif "dynamodb" in record:
            yield _of_change(position, record, convert_ddb, whole)
        else:
            raise ValueError("it is neither a record of a Kinesis stream nor of a table's stream")
    except Exception as error:
        yield undecidable(position, error)


def _of_kinesis(position: int, record: Record, deaggregate: bool) -> Iterator[Input]:
    kinesis = record["kinesis"]
    data, number = data_of(kinesis), kinesis["sequenceNumber"]
    name = f"{shard_of(record)}:{number}"
    if deaggregate and PART not in kinesis and (aggregate := _aggregate(data)) is not None:
        for part, (key, payload) in enumerate(zip(aggregate.partition_keys(), aggregate.payloads, strict=True)):
            yield Input(position, part, key, name + part_suffix(part), payload, number, record)
    else:
        part = kinesis.get(PART)
        suffix = "" if part is None else part_suffix(part)
        yield Input(position, part, kinesis["partitionKey"], name + suffix, data, number, record)


def _aggregate(data: bytes) -> Aggregate | None:
    """The aggregate that the data is, if it is one. What takes it apart is loaded where a row asks for it."""
    from handlers.shared.kpl import is_aggregate, take_apart

    return take_apart(data) if is_aggregate(data) else None


def _of_change(position: int, record: Record, convert_ddb: bool, whole: bool) -> Input:
    from handlers.fan_out.changes import change_of

    change = change_of(record, convert_ddb, whole)
    return Input(position, None, change.key, f"-:{change.number}", change.data, change.number, record)


def with_data(one: Input, data: bytes) -> Record:
    """The Kinesis record that brought an input, with this data; a record of an aggregate becomes one by itself."""
    kinesis = {**one.record["kinesis"], "partitionKey": one.key, "data": b64encode(data).decode()}
    if one.part is not None:
        kinesis |= {"aggregated": True, PART: one.part}
    return {**one.record, "kinesis": kinesis}
