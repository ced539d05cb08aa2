"""Which messages ReceiveMessage gives, in which order, and the receipt handles that it gives out.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

import base64
import binascii
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any

from ministack.core.responses import new_uuid

from localcloud.emulator.patching import replaces

Queue = dict[str, Any]
Stored = dict[str, Any]


@dataclass(frozen=True)
class Receipt:
    """What a receipt handle stands for: one receive of one message of one queue."""

    queue_arn: str
    message_id: str
    number: str

    @property
    def handle(self) -> str:
        return base64.b64encode(f"{self.number}|{self.queue_arn}|{self.message_id}".encode()).decode()

    @classmethod
    def parse(cls, handle: str) -> "Receipt | None":
        """The receipt of a handle, None when the text is none."""
        try:
            number, queue_arn, message_id = base64.b64decode(handle, validate=True).decode().split("|")
        except (binascii.Error, ValueError):
            return None
        return cls(queue_arn, message_id, number)


def in_turn(messages: Iterable[Stored], now: float, fifo: bool) -> Iterator[Stored]:
    """The messages that can be received now, in the order in which they are.

    A FIFO queue gives as many messages of one group as it can before it goes on with the next group, whose turn is
    that of its first message. A group is closed while its first message is in flight or delayed, and only then.
    """
    if not fifo:
        yield from (one for one in messages if one["visible_at"] <= now)
        return
    groups: dict[Any, list[Stored]] = {}
    for one in messages:
        groups.setdefault(one["group_id"], []).append(one)
    for group in groups.values():
        yield from takewhile(lambda one: one["visible_at"] <= now, group)


def collect(_original: object, queue: Queue, most: int, visibility_timeout_s: int) -> list[Stored]:
    """Take up to `most` messages: they are in flight for the timeout, and have new receipt handles."""
    from ministack.services import sqs

    now, arn = time.time(), queue["attributes"]["QueueArn"]
    for one in queue["messages"]:
        if "md5_body" not in one:  # put there by a service of the emulator, without what the API adds
            sqs._ensure_msg_fields(one)
    taken = list(islice(in_turn(list(queue["messages"]), now, queue["is_fifo"]), most))
    for one in taken:
        one["receipt_handle"] = Receipt(arn, one["id"], new_uuid()).handle
        one["visible_at"] = now + visibility_timeout_s
        one["receive_count"] += 1
        one["first_receive_at"] = one["first_receive_at"] or now
    return taken


def take_out(queue: Queue, messages: Iterable[Stored]) -> None:
    """Remove messages one by one: whoever appends meanwhile, from whichever thread, loses nothing."""
    for one in messages:
        with suppress(ValueError):  # taken out by somebody else meanwhile
            queue["messages"].remove(one)


def expire(_original: object, queue: Queue) -> None:
    """Drop what is older than MessageRetentionPeriod.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    """
    oldest = time.time() - int(queue["attributes"].get("MessageRetentionPeriod", "345600"))
    take_out(queue, [one for one in queue["messages"] if one.get("enqueued_at", one["sent_at"]) <= oldest])


def install() -> None:
    module = "ministack.services.sqs"
    replaces(module, "_collect_msgs", source="308a6eb1b3d4")(collect)
    replaces(module, "_expire_retained", source="c0da3361632b")(expire)
