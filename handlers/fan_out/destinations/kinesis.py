"""Kinesis streams, by name, or by ARN also in other accounts.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from handlers.fan_out.contract import Access, Destination, Limits, Refused, Send, Unit
from handlers.fan_out.destinations.addresses import Named, arn_for, key_within, named_of, number_of, options_among
from handlers.fan_out.destinations.batches import refused_among

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["DESTINATION"]

MAX_RECORDS = 500
MAX_CALL_BYTES = 10 * 1_048_576
# Of a record with its key, as a stream is made; one whose MaxRecordSizeInKiB is greater takes more.
# https://docs.aws.amazon.com/kinesis/latest/dev/service-sizes-and-limits.html
DEFAULT_BYTES = 1_048_576
MAX_BYTES = 10 * 1_048_576
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html (256 characters)
MAX_KEY_BYTES = 256
_RIGHT = "the name or the ARN of a stream, like orders or arn:aws:kinesis:eu-west-1:123456789012:stream/orders"


class _Stream(NamedTuple):
    named: Named
    max_bytes: int


def _parse(row: Row) -> _Stream:
    options_among(row, ["maxBytes"])
    named = named_of(row, "kinesis", "stream/", r"[\w.-]{1,128}", _RIGHT)
    return _Stream(named, number_of(row, "maxBytes", DEFAULT_BYTES, 1, MAX_BYTES))


def _key(unit: Unit) -> str:
    return key_within(unit.key, MAX_KEY_BYTES)


def _open(_row: Row, stream: _Stream, access: Access) -> Send:
    named = stream.named
    client = access.client("kinesis", named.region)
    which = {"StreamARN": str(named.arn)} if named.arn else {"StreamName": named.name}

    def send(units: Sequence[Unit]) -> Sequence[Refused]:
        records = [{"Data": unit.body, "PartitionKey": _key(unit)} for unit in units]
        with client.using() as kinesis:
            answer = kinesis.put_records(Records=records, **which)
        return refused_among(units, answer["Records"]) if answer["FailedRecordCount"] else []

    return send


def _arn(row: Row, named: Named) -> str:
    return str(named.arn or arn_for(row, "kinesis", named.region, f"stream/{named.name}"))


DESTINATION = Destination(
    parse=_parse,
    open=_open,
    limits=lambda stream: Limits(MAX_RECORDS, MAX_CALL_BYTES, stream.max_bytes, lambda unit: len(_key(unit).encode())),
    grants=lambda row, stream: (["kinesis:PutRecords"], _arn(row, stream.named)),
)
