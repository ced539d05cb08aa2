"""What is told about an event that ended: the destinations' record, and a dead letter's attributes. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcloud.emulator.asynchronous.attempts import SUCCESS
from localcloud.emulator.invocation import Invocation

MAX_ERROR_MESSAGE_BYTES = 1024


@dataclass(frozen=True)
class Ended:
    """An event after its last attempt. `last` is None when the function was never run."""

    request_id: str
    function_arn: str
    event: Any
    condition: str
    invocations: int
    last: Invocation | None

    @property
    def succeeded(self) -> bool:
        return self.condition == SUCCESS


def document_of(ended: Ended, now: datetime) -> dict[str, Any]:
    """The invocation record that a destination gets."""
    document: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "requestContext": {
            "requestId": ended.request_id,
            "functionArn": _qualified(ended),
            "condition": ended.condition,
            "approximateInvokeCount": ended.invocations,
        },
        "requestPayload": ended.event,
    }
    if ended.last is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": ended.last.executed_version}
        if ended.last.function_error is not None:
            context["functionError"] = ended.last.function_error
        document |= {"responseContext": context, "responsePayload": ended.last.result}
    return document


def dead_letter_of(ended: Ended) -> tuple[str, dict[str, dict[str, str]]]:
    """A dead letter: the event as it came, and why it failed as attributes of the message."""
    result = ended.last.result if ended.last is not None else None
    reason = str(result.get("errorMessage") or "") if isinstance(result, dict) else ""
    if ended.last is None:
        reason = ended.condition
    message = reason.encode()[:MAX_ERROR_MESSAGE_BYTES].decode(errors="ignore")
    attributes = {
        "RequestID": {"DataType": "String", "StringValue": ended.request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": "200" if ended.last is not None else "429"},
    }
    if message:
        attributes["ErrorMessage"] = {"DataType": "String", "StringValue": message}
    return json.dumps(ended.event), attributes


def object_key(ended: Ended, now: datetime, unique: str) -> str:
    """`aws/lambda/async/<function>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<UUID>`"""
    name = ended.function_arn.split(":")[6]
    return f"aws/lambda/async/{name}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{unique}"


def _qualified(ended: Ended) -> str:
    return ended.function_arn if ended.function_arn.count(":") > 6 else f"{ended.function_arn}:$LATEST"
