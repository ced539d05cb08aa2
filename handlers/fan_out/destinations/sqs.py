"""SQS queues, standard and FIFO.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from handlers.fan_out.contract import Access, Destination, Limits, Refused, Send, Unit, WrongRowError
from handlers.fan_out.destinations.addresses import arn_for, named_of, number_of, options_among, region_among
from handlers.fan_out.destinations.batches import FIFO, MAX_ENTRIES, fifo_fields, send_entries, text_of

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["DESTINATION"]

# All messages of a call together; a queue with another MaximumMessageSize takes less.
MAX_BYTES = 1_048_576
_NAME = r"[\w-]{1,80}|[\w-]{1,75}\.fifo"
_RIGHT = (
    "the URL or the ARN of a queue, like https://sqs.eu-west-1.amazonaws.com/123456789012/orders or "
    "arn:aws:sqs:eu-west-1:123456789012:orders"
)
_URL = re.compile(rf"https?://(?P<host>[^/?#]+)/(?P<account>\d{{12}})/(?P<name>{_NAME})", re.ASCII)
# sqs.eu-west-1.…, sqs-fips.…, eu-west-1.queue.… as long ago, vpce-….sqs.eu-west-1.vpce.…; queue.… is us-east-1.
# https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
_REGION = r"(?P<region>[a-z]{2,}(?:-[a-z]+)+-\d+)"
_HOSTS = [
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"(?:.+\.)?sqs(?:-fips)?\.{_REGION}\.(?:vpce\.)?[a-z0-9.-]+",
        rf"{_REGION}\.queue\.[a-z.]+",
        r"(?:sqs|queue)(?P<region>)\.amazonaws\.com",
    )
]
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html (MessageBody)
# What text may not have of what UTF-8 can; as a set of what it may have it would take ten milliseconds to compile.
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_FIRST_REGION = "us-east-1"


class _Queue(NamedTuple):
    """`endpoint` is a URL, where the queue's own names a host that is nobody else's: of a network's endpoint."""

    account: str
    name: str
    region: str | None
    endpoint: str | None
    max_bytes: int

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(FIFO)


def _parse(row: Row) -> _Queue:
    options_among(row, ["maxBytes"])
    max_bytes = number_of(row, "maxBytes", MAX_BYTES, 1, MAX_BYTES)
    url = _URL.fullmatch(row.destination)
    if url is None:
        named = named_of(row, "sqs", "", _NAME, _RIGHT, arn_only=True)
        assert named.arn is not None
        return _Queue(named.arn.account, named.name, named.region, None, max_bytes)
    host = url["host"]
    matches = [match["region"] or _FIRST_REGION for pattern in _HOSTS if (match := pattern.fullmatch(host))]
    if not matches and host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")):
        raise WrongRowError(
            "destination", f"destination has the host {host}, which is none of SQS; it must be {_RIGHT}"
        )
    endpoint = f"https://{host}" if ".vpce." in host else None
    return _Queue(url["account"], url["name"], region_among(row, matches[0] if matches else None), endpoint, max_bytes)


def _open(row: Row, queue: _Queue, access: Access) -> Send:
    client = access.client("sqs", queue.region, queue.endpoint)

    def entry(unit: Unit) -> dict[str, Any]:
        return {"MessageBody": _body(unit), **(fifo_fields(row, unit) if queue.is_fifo else {})}

    def send(units: Sequence[Unit]) -> Sequence[Refused]:
        with client.using() as sqs:
            # At the endpoint in use, whatever the host in the row was.
            url = f"{sqs.meta.endpoint_url}/{queue.account}/{queue.name}"
            return send_entries(units, entry, lambda entries: sqs.send_message_batch(QueueUrl=url, Entries=entries))

    return send


def _body(unit: Unit) -> str:
    text = text_of(unit)
    if found := _NO_CHARACTER.search(text):
        raise ValueError(f"it holds {found.group()!a}, which no message may; collapse concat-b64 carries any data")
    return text


DESTINATION = Destination(
    parse=_parse,
    open=_open,
    limits=lambda queue: Limits(MAX_ENTRIES, queue.max_bytes, queue.max_bytes),
    grants=lambda row, queue: (["sqs:SendMessage"], arn_for(row, "sqs", queue.region, queue.name, queue.account)),
    ordered=lambda queue: queue.is_fifo,
    collapses=True,
)
