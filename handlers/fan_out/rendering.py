"""Makes of the records of an event the messages that a target gets.

The way of the data: record -> inputs (aggregates, changes) -> `filter` -> `transform` -> `envelope` -> `appendNewlines`
-> message. What fails on the way is poison of this target alone.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from handlers.fan_out.contract import Message
from handlers.fan_out.inputs import Input, Inputs, with_data
from handlers.fan_out.json_text import read, write
from handlers.fan_out.rows import Row
from handlers.shared.images import compact
from handlers.shared.poison import Poison, undecidable

__all__ = ["render"]


def render(inputs: Inputs, row: Row, takes_records: bool) -> Iterator[Message | Poison]:
    """The messages of a target in order, and what none can be made of; `takes_records` as its destination says.

    What the target's filter does not let through is neither.
    """
    whole = takes_records and not row.passthrough
    wanted = _filter(row.filter) if row.filter else None
    make = _maker(row, takes_records)
    for one in inputs.of(row.deaggregate, row.convert_ddb, whole):
        if isinstance(one, Poison):
            yield one
            continue
        try:
            if wanted is None or wanted(_filtered_form(one)):
                yield Message(one.position, one.part, one.key, one.id, make(one))
        except Exception as error:
            yield undecidable(one.position, error, one.part)


def _maker(row: Row, takes_records: bool) -> Callable[[Input], bytes]:
    """What makes the data of a message: the steps that the row asks for, in their order."""
    steps: list[Callable[[Input, bytes], bytes]] = []
    if row.transform:
        steps.append(_transformed(row.transform))
    if row.envelope:
        # Each step is loaded where a row asks for it: most do not.
        from handlers.fan_out.envelopes import enveloped

        steps.append(enveloped)
    if row.append_newlines:
        steps.append(lambda _one, data: data + b"\n")
    if takes_records:
        steps.append(_passed_through if row.passthrough else _as_record)

    def make(one: Input) -> bytes:
        data = one.data
        for step in steps:
            data = step(one, data)
        return data

    return make


def _filter(pattern: str) -> Callable[[Mapping[str, Any]], bool]:
    from handlers.fan_out.filters import compiled

    return compiled(pattern)


def _transformed(expression: str) -> Callable[[Input, bytes], bytes]:
    search, type_error = _jmespath(expression)

    def step(_one: Input, data: bytes) -> bytes:
        try:
            found = search(read(data))
        except type_error as error:
            # The error's own text quotes the data.
            raise ValueError(f"transform does not work on its data: {type(error).__name__}") from None
        if found is None:
            raise ValueError("transform makes nothing (null) of its data: what is not wanted is for `filter` to say")
        return write(found).encode()

    return step


@lru_cache(maxsize=256)
def _jmespath(expression: str) -> tuple[Callable[[Any], Any], type[Exception]]:
    """The function of an expression, and what it raises. Imported only where a row transforms."""
    import jmespath

    return jmespath.compile(expression).search, jmespath.exceptions.JMESPathError


def _as_record(one: Input, data: bytes) -> bytes:
    """A record as Lambda passes it; that of a change is made already."""
    return data if one.is_change else compact(with_data(one, data))


def _passed_through(one: Input, data: bytes) -> bytes:
    """A record in the form that the original makes for `passthrough`."""
    record = one.record
    return compact(
        {
            "key": one.key,
            "sequenceNumber": one.sequence_number,
            "subSequenceNumber": one.part or 0,
            "data": b64encode(data).decode(),
            "size": len(data),
            "action": record["eventName"] if one.is_change else "PUT",
            "source": record["eventSource"],
            "region": record["awsRegion"],
        }
    )


def _filtered_form(one: Input) -> Mapping[str, Any]:
    """What patterns are held against: for Kinesis the metadata, and `data` parsed when it is JSON, else as text.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html, …/with-ddb-filtering.html
    """
    if one.is_change:
        return one.record
    try:
        document = json.loads(one.data)
    except ValueError:
        document = one.data.decode(errors="replace")
    return {**one.record, **one.record["kinesis"], "partitionKey": one.key, "data": document}
