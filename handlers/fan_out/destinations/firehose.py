"""Firehose delivery streams, by name or ARN. https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from handlers.fan_out.contract import Access, Destination, Limits, Refused, Send, Unit, WrongRowError
from handlers.fan_out.destinations.addresses import Arn, Named, arn_for, named_of, options_among
from handlers.fan_out.destinations.batches import refused_among
from handlers.shared.errors import Cause

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["DESTINATION"]

MAX_RECORDS = 500
MAX_CALL_BYTES = 4 * 1_048_576
MAX_RECORD_BYTES = 1_024_000
_RIGHT = (
    "the name or the ARN of a delivery stream, like orders or "
    "arn:aws:firehose:eu-west-1:123456789012:deliverystream/orders"
)


def _parse(row: Row) -> Named:
    options_among(row, [])
    stream = named_of(row, "firehose", "deliverystream/", r"[\w.-]{1,64}", _RIGHT)
    role = Arn.of(row.role) if row.role else None
    if stream.arn and role and stream.arn.account != role.account:
        raise WrongRowError(
            "role", f"role is of {role.account}; it must be of {stream.arn.account}, as the destination is"
        )
    return stream


def _open(row: Row, stream: Named, access: Access) -> Send:
    client = access.client("firehose", stream.region)

    def send(units: Sequence[Unit]) -> Sequence[Refused]:
        # A call has only the name, and would find a stream of that name in the function's own account.
        if stream.arn and not row.role and stream.arn.account != access.account():
            reason = f"the delivery stream belongs to {stream.arn.account}; a role of that account must be named"
            return [Refused(unit, Cause.REFUSED, reason) for unit in units]
        with client.using() as firehose:
            answer = firehose.put_record_batch(
                DeliveryStreamName=stream.name, Records=[{"Data": unit.body} for unit in units]
            )
        return refused_among(units, answer["RequestResponses"]) if answer["FailedPutCount"] else []

    return send


def _arn(row: Row, stream: Named) -> str:
    return str(stream.arn or arn_for(row, "firehose", stream.region, f"deliverystream/{stream.name}"))


DESTINATION = Destination(
    parse=_parse,
    open=_open,
    limits=lambda _stream: Limits(MAX_RECORDS, MAX_CALL_BYTES, MAX_RECORD_BYTES),
    grants=lambda row, stream: (["firehose:PutRecordBatch"], _arn(row, stream)),
)
