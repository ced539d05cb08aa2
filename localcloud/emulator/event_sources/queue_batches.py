"""A queue mapping's batch: the records that a function gets, and what its answer means for the messages.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (partial batch responses)
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.emulator.event_sources import filters
from localcloud.emulator.invocation import FunctionNotFoundError, ThrottledError, execute

Record = Mapping[str, Any]
Stored = Mapping[str, Any]


def failed_ids(result: Any, message_ids: Sequence[str]) -> set[str]:
    """The messages that stay in the queue; all of them when the answer has not the documented form. Pure.

    An answer that is empty, or whose batchItemFailures is empty, null or absent, is a complete success. A failure
    without the key itemIdentifier, with an empty or null one, or with one that is not in the batch is a complete
    failure, as is anything that has not this form.
    """
    everything = set(message_ids)
    if not result:
        return set()
    if not isinstance(result, dict):
        return everything
    failures = result.get("batchItemFailures")
    if not failures:
        return set()
    if not isinstance(failures, list):
        return everything
    named = {str(one.get("itemIdentifier")) if isinstance(one, dict) else "" for one in failures}
    return named if named <= everything else everything


def record_of(message: Stored, queue_arn: str) -> Record:
    """A received message as a function gets it."""
    from ministack.services import sqs

    attributes = {
        name: {
            **{f"{key[0].lower()}{key[1:]}": value for key, value in one.items()},
            "stringListValues": [],
            "binaryListValues": [],
        }
        for name, one in message["message_attributes"].items()
    }
    return {
        "messageId": message["id"],
        "receiptHandle": message["receipt_handle"],
        "body": message["body"],
        "attributes": sqs._build_sys_attrs(message, ["All"]),
        "messageAttributes": attributes,
        **({"md5OfMessageAttributes": message["md5_attrs"]} if message.get("md5_attrs") else {}),
        "md5OfBody": message["md5_body"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def wanted(records: Sequence[Record], mapping: Mapping[str, Any]) -> list[Record]:
    """The records that a mapping's filters let through, by the rules that streams' mappings have. Pure."""
    texts = [one.get("Pattern") for one in (mapping.get("FilterCriteria") or {}).get("Filters") or []]
    patterns = [json.loads(text) for text in texts if text]
    return [one for one in records if filters.wanted(one, patterns)]


def process(records: Sequence[Record], mapping: Mapping[str, Any]) -> set[str]:
    """Invoke the mapping's function with the records; returns the ids of the messages that were not processed."""
    sent = [one["messageId"] for one in records]
    try:
        answer = execute(mapping["FunctionArn"], {"Records": list(records)})
    except (ThrottledError, FunctionNotFoundError):
        return set(sent)
    if answer.function_error is not None:
        return set(sent)
    reports = "ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or [])
    return failed_ids(answer.result, sent) if reports else set()
