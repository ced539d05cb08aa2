"""Firehose's records in, its answers out, within what Lambda lets an answer be.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MAX_ANSWER_BYTES", "Answers", "Transformed", "answer"]

FirehoseRecord = Mapping[str, Any]

# Lambda's limit is 6 MB. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ANSWER_BYTES = 6_000_000
# What an answer has beside its data and its partition keys, generously.
_ENVELOPE_BYTES = 150


@dataclass(frozen=True)
class Transformed:
    """A line, and the values of its partitions."""

    line: bytes
    partition_keys: Mapping[str, str]


@dataclass
class Answers:
    """What Firehose is told; the records in `too_much` are to be put back to where they came from.

    `failed` counts the records that could not be transformed, `reason` says why the first of them could not.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    too_much: list[FirehoseRecord] = field(default_factory=list)
    failed: int = 0
    reason: str = ""


def answer(records: Iterable[FirehoseRecord], transform: Callable[[FirehoseRecord], Transformed]) -> Answers:
    """Transforms each record by itself: what one raises fails that record only, which Firehose stores as it was."""
    answers, left = Answers(), MAX_ANSWER_BYTES
    for position, record in enumerate(records):
        reply: dict[str, Any] = {"recordId": record["recordId"]}
        try:
            transformed = transform(record)
            reply |= {"result": "Ok", "data": base64.b64encode(transformed.line).decode()}
            if transformed.partition_keys:
                reply["metadata"] = {"partitionKeys": transformed.partition_keys}
        # Whatever a record does to this code, it does not do to its neighbours.
        except Exception as error:
            answers.failed += 1
            answers.reason = answers.reason or f"record {position}: {_said(error)}"
            reply["result"] = "ProcessingFailed"
        size = _size(reply)
        if size > left:
            answers.too_much.append(record)
            reply = {"recordId": record["recordId"], "result": "Dropped"}
            size = _size(reply)
        left -= size
        answers.records.append(reply)
    return answers


def _said(error: Exception) -> str:
    """Why, without what the record holds: only this package's own errors say nothing of it."""
    return str(error) if type(error) is ValueError else type(error).__name__


def _size(reply: Mapping[str, Any]) -> int:
    metadata_bytes = len(str(reply["metadata"])) if "metadata" in reply else 0
    return _ENVELOPE_BYTES + len(reply["recordId"]) + len(reply.get("data", "")) + metadata_bytes
