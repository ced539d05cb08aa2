"""Calls of several entries as SNS and SQS take them, and answers entry by entry: by id, or in the units' order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from handlers.fan_out.contract import Refused, Unit
from handlers.shared.errors import Cause, cause_of_code

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["FIFO", "MAX_ENTRIES", "fifo_fields", "refused_among", "send_entries", "text_of"]

MAX_ENTRIES = 10
FIFO = ".fifo"

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html (MessageGroupId)
_GROUP = re.compile(r"[!-~]{1,128}", re.ASCII)
Entry = dict[str, Any]


def text_of(unit: Unit) -> str:
    """The body as text. Raises ValueError, which says what to do about bodies that are none."""
    try:
        text = unit.body.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 text (byte {error.start}); collapse concat-b64 carries any data") from None
    if not text:
        raise ValueError("it is empty, and an empty message is none")
    return text


def fifo_fields(row: Row, unit: Unit) -> dict[str, str]:
    """The group of a message, which is its key, and what a repetition of it is known by for five minutes.

    The target, the messages and the body make up the latter: messages that were joined otherwise the time before are
    other messages. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
    """
    group = unit.key if _GROUP.fullmatch(unit.key) else sha256(unit.key.encode()).hexdigest()
    identity = "\n".join([row.source_arn, row.id, *(message.id for message in unit.messages)])
    return {
        "MessageGroupId": group,
        "MessageDeduplicationId": sha256(identity.encode() + b"\n" + unit.body).hexdigest(),
    }


def send_entries(
    units: Sequence[Unit], entry_of: Callable[[Unit], Entry], call: Callable[[list[Entry]], Mapping[str, Any]]
) -> list[Refused]:
    """Makes the entries of the units and one call of them; what was not taken.

    A unit of which `entry_of` raises ValueError is refused for good, and the others go without it.
    """
    entries: list[Entry] = []
    refused: list[Refused] = []
    for place, unit in enumerate(units):
        try:
            entries.append({"Id": str(place), **entry_of(unit)})
        except ValueError as error:
            refused.append(Refused(unit, Cause.RECORD, str(error)))
    if entries:
        refused += _failed(units, call(entries).get("Failed", ()))
    return refused


def refused_among(units: Sequence[Unit], replies: Sequence[Mapping[str, Any]]) -> list[Refused]:
    """What was not taken, by replies in the order of the units, of which only those of failures have a code.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsResultEntry.html and
    https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatchResponseEntry.html
    """
    return [
        Refused(unit, cause_of_code(reply["ErrorCode"]), f"{reply['ErrorCode']}: {reply.get('ErrorMessage', '')}")
        for unit, reply in zip(units, replies, strict=True)
        if reply.get("ErrorCode")
    ]


def _failed(units: Sequence[Unit], failures: Iterable[Mapping[str, Any]]) -> list[Refused]:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_BatchResultErrorEntry.html"""
    return [
        Refused(units[int(one["Id"])], cause_of_code(one["Code"]), f"{one['Code']}: {one.get('Message', '')}")
        for one in failures
    ]
