"""The transformer's entry point.

The way of the data: Firehose's records -> change records -> flat items -> lines -> Firehose's answers; what does not
fit into one answer goes back to the Kinesis stream. https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from handlers.lake_transformer.answers import Answers, Transformed, answer
from handlers.lake_transformer.changes import OLD_PREFIX, ChangeWriter, change_of
from handlers.lake_transformer.flattening import Flattener
from handlers.lake_transformer.partitions import partition_values
from handlers.lake_transformer.rules import require_open_keys
from handlers.lake_transformer.settings import Settings
from handlers.lake_transformer.shapes import ShapedWriter
from handlers.shared.report import log_invocation
from handlers.shared.time_budget import LambdaContext, TimeBudget

SETTINGS = Settings.from_environment(os.environ)
WRITER = ChangeWriter(
    Flattener(SETTINGS.rules, keep_nested=SETTINGS.keep_nested),
    Flattener(SETTINGS.rules, prefix=OLD_PREFIX, keep_nested=SETTINGS.keep_nested) if SETTINGS.old_image else None,
    whole_items=SETTINGS.whole_items,
)
SHAPED = ShapedWriter(WRITER)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Transforms one batch of Firehose's records."""
    started_s = time.time()
    answers = answer(event["records"], _transform)
    calls = _put_back(event, context, answers) if answers.too_much else 0
    metrics = {
        "Records": (len(answers.records), "Count"),
        "Unreadable": (answers.failed, "Count"),
        "PutBack": (len(answers.too_much), "Count"),
        "Time": (round((time.time() - started_s) * 1000), "Milliseconds"),
    }
    details: dict[str, object] = {"level": "ERROR" if answers.failed else "INFO", "calls": calls}
    log_invocation(context, metrics, details | ({"reason": answers.reason} if answers.failed else {}))
    return {"records": answers.records}


def _transform(record: Mapping[str, Any]) -> Transformed:
    text = base64.b64decode(record["data"]).decode()
    sequence_number = record.get("kinesisRecordMetadata", {}).get("sequenceNumber", "")
    if not SETTINGS.looks_at_values:
        return Transformed(SHAPED.line(text, sequence_number).encode(), {})
    change = change_of(text)
    require_open_keys(change["dynamodb"]["Keys"], SETTINGS.rules)
    values = partition_values(change["dynamodb"], SETTINGS.partition_keys, SETTINGS.rules)
    return Transformed(WRITER.line(change, sequence_number).encode(), values)


def _put_back(event: Mapping[str, Any], context: LambdaContext, answers: Answers) -> int:
    # Only then is the SDK needed, which takes long to import.
    from handlers.lake_transformer.putting_back import put_back

    budget = TimeBudget(context.get_remaining_time_in_millis)
    return put_back(_kinesis(), event["sourceKinesisStreamArn"], answers.too_much, budget)


@cache
def _kinesis() -> Any:
    from handlers.shared.clients import create_client

    return create_client("kinesis")
