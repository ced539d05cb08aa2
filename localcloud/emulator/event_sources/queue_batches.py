"""A queue mapping's batch: which messages its filters let through, and what the function's answer means for them.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (partial batch responses)
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.emulator.event_sources import filters
from localcloud.emulator.invocation import FunctionNotFoundError, ThrottledError, execute
from localcloud.emulator.patching import replaces

Record = Mapping[str, Any]

_logger = logging.getLogger(__name__)

# A mapping reads no further batch for so long after one that failed, as in the emulator.
PAUSE_S = 1.0


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


def run(
    _original: object,
    record: dict[str, Any],
    _function: Mapping[str, Any],
    event: Mapping[str, Any],
    batch: Sequence[Mapping[str, Any]],
    queue_url: str,
    queue_name: str,
) -> None:
    """Invoke the mapping's function with a batch, and delete what it processed and what a filter left out."""
    from ministack.services import lambda_svc, sqs

    sent = [one["messageId"] for one in event["Records"]]
    failed = set(sent)
    try:
        answer = execute(record["FunctionArn"], event)
    except (ThrottledError, FunctionNotFoundError) as error:
        _logger.warning("batch of %s: %s", queue_name, error)
    else:
        if answer.function_error is None:
            reports = "ReportBatchItemFailures" in (record.get("FunctionResponseTypes") or [])
            failed = failed_ids(answer.result, sent) if reports else set()
    done = {one["receipt_handle"] for one in batch if one["id"] not in failed}
    sqs._delete_messages_for_esm(queue_url, done)
    if failed:
        lambda_svc._esm_backoff_until[record["UUID"]] = time.time() + PAUSE_S
        record["LastProcessingResult"] = f"PROBLEM: {len(failed)} of {len(sent)} messages were not processed"
    else:
        lambda_svc._esm_backoff_until.pop(record["UUID"], None)
        record["LastProcessingResult"] = "OK"


def wanted(_original: object, records: Sequence[Record], mapping: Mapping[str, Any]) -> list[Record]:
    """The messages that a mapping's filters let through, by the rules that streams' mappings have."""
    texts = [one.get("Pattern") for one in (mapping.get("FilterCriteria") or {}).get("Filters") or []]
    patterns = [json.loads(text) for text in texts if text]
    return [one for one in records if filters.wanted(one, patterns)]


def install() -> None:
    replaces("ministack.services.lambda_svc", "_run_sqs_batch", source="f9bf630aabf3")(run)
    replaces("ministack.services.lambda_svc", "_apply_filter_criteria", source="d8d7d5c8f77e")(wanted)
