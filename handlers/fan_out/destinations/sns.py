"""SNS topics, standard and FIFO. https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from handlers.fan_out.contract import Access, Destination, Limits, Refused, Send, Unit
from handlers.fan_out.destinations.addresses import named_of, number_of, options_among
from handlers.fan_out.destinations.batches import FIFO, MAX_ENTRIES, fifo_fields, send_entries, text_of

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["DESTINATION"]

# All messages of a call together; a topic with another MaximumMessageSize takes up to 1 MiB.
# https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html
DEFAULT_BYTES = 262_144
MAX_BYTES = 1_048_576
# https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
_NAME = r"[\w-]{1,256}|[\w-]{1,251}\.fifo"
_RIGHT = "the ARN of a topic, like arn:aws:sns:eu-west-1:123456789012:orders"


class _Topic(NamedTuple):
    arn: str
    region: str | None
    max_bytes: int

    @property
    def is_fifo(self) -> bool:
        return self.arn.endswith(FIFO)


def _parse(row: Row) -> _Topic:
    options_among(row, ["maxBytes"])
    named = named_of(row, "sns", "", _NAME, _RIGHT, arn_only=True)
    return _Topic(row.destination, named.region, number_of(row, "maxBytes", DEFAULT_BYTES, 1, MAX_BYTES))


def _open(row: Row, topic: _Topic, access: Access) -> Send:
    client = access.client("sns", topic.region)

    def entry(unit: Unit) -> dict[str, Any]:
        return {"Message": text_of(unit), **(fifo_fields(row, unit) if topic.is_fifo else {})}

    def send(units: Sequence[Unit]) -> Sequence[Refused]:
        with client.using() as sns:
            return send_entries(
                units, entry, lambda entries: sns.publish_batch(TopicArn=topic.arn, PublishBatchRequestEntries=entries)
            )

    return send


DESTINATION = Destination(
    parse=_parse,
    open=_open,
    limits=lambda topic: Limits(MAX_ENTRIES, topic.max_bytes, topic.max_bytes),
    grants=lambda _row, topic: (["sns:Publish"], topic.arn),
    ordered=lambda topic: topic.is_fifo,
    collapses=True,
)
