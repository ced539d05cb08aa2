"""A message on its way into a queue: what it consists of, and what SQS refuses about it. Pure.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.emulator.message_rules import Attributes, is_token, problem_of, size_bytes

# Also what all messages of a batch may have together.
MAX_BYTES = 1_048_576
MAX_ATTRIBUTES = 10
MAX_DELAY_S = 900

# What XML 1.0 cannot hold.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class RefusedError(ValueError):
    """The message is not taken; `code` is the error's name in the API's model."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Message:
    """What a sender hands over. `delay_s` None is the queue's own; `trace_header` is AWSTraceHeader."""

    body: str
    attributes: Attributes = field(default_factory=dict)
    group_id: str | None = None
    deduplication_id: str | None = None
    delay_s: int | None = None
    trace_header: str | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Message":
        """The message in the parameters of SendMessage, or in an entry of SendMessageBatch. Raises RefusedError."""
        delay = entry.get("DelaySeconds")
        system = entry.get("MessageSystemAttributes") or {}
        foreign = sorted(set(system) - {"AWSTraceHeader"})
        if foreign:
            raise _invalid(f"Message system attribute name '{foreign[0]}' is invalid: only AWSTraceHeader can be sent.")
        return cls(
            body=entry.get("MessageBody") or "",
            attributes=entry.get("MessageAttributes") or {},
            group_id=entry.get("MessageGroupId"),
            deduplication_id=entry.get("MessageDeduplicationId"),
            delay_s=None if delay in (None, "") else int(delay),
            trace_header=(system.get("AWSTraceHeader") or {}).get("StringValue"),
        )

    @property
    def size_bytes(self) -> int:
        """Body and attributes; a system attribute does not count."""
        return size_bytes(self.body, self.attributes)


def require_valid(message: Message, *, fifo: bool, content_based: bool, max_bytes: int) -> None:
    """Raise RefusedError for the first thing that a queue of this kind does not take."""
    if not message.body:
        raise RefusedError("MissingParameter", "The request must contain the parameter MessageBody.")
    if _FORBIDDEN.search(message.body):
        raise RefusedError(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to "
            "#xFFFD | #x10000 to #x10FFFF",
        )
    if len(message.attributes) > MAX_ATTRIBUTES:
        raise _invalid(
            f"Number of message attributes [{len(message.attributes)}] exceeds the allowed maximum [{MAX_ATTRIBUTES}]."
        )
    problem = problem_of(message.attributes)
    if problem:
        raise _invalid(problem)
    if message.size_bytes > max_bytes:
        raise _invalid(f"One or more parameters are invalid. Reason: Message must be shorter than {max_bytes} bytes.")
    _require_delay(message.delay_s, fifo)
    _require_tokens(message, fifo, content_based)


def deduplication_id(message: Message) -> str:
    """The one given, else the digest of the body alone, as with ContentBasedDeduplication."""
    return message.deduplication_id or hashlib.sha256(message.body.encode()).hexdigest()


def _require_delay(delay_s: int | None, fifo: bool) -> None:
    if delay_s is None:
        return
    if not 0 <= delay_s <= MAX_DELAY_S:
        raise _invalid(
            f"Value {delay_s} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= "
            f"{MAX_DELAY_S}."
        )
    if fifo and delay_s:
        raise _wrong_queue("DelaySeconds", delay_s)


def _require_tokens(message: Message, fifo: bool, content_based: bool) -> None:
    """A group may be named on standard queues too, as the tenant of a fair queue."""
    for name, value in (("MessageGroupId", message.group_id), ("MessageDeduplicationId", message.deduplication_id)):
        if value is not None and not is_token(value):
            raise _invalid(
                f"Value {value} for parameter {name} is invalid. Reason: {name} can only include alphanumeric and "
                "punctuation characters. 1 to 128 in length."
            )
    if not fifo:
        if message.deduplication_id is not None:
            raise _wrong_queue("MessageDeduplicationId", message.deduplication_id)
        return
    if message.group_id is None:
        raise RefusedError("MissingParameter", "The request must contain the parameter MessageGroupId.")
    if message.deduplication_id is None and not content_based:
        raise _invalid(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
            "explicitly"
        )


def _wrong_queue(name: str, value: object) -> RefusedError:
    return _invalid(
        f"Value {value} for parameter {name} is invalid. Reason: The request include parameter that is not valid for "
        "this queue type"
    )


def _invalid(message: str) -> RefusedError:
    return RefusedError("InvalidParameterValue", message)
