"""The click-stream writer's entry point.

The way of the data: stream records -> new images -> batches -> BatchWriteItem -> the first failure.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from handlers.click_stream_writer.items import Selection
from handlers.click_stream_writer.settings import Settings
from handlers.shared.batch_write import MAX_BATCH_BYTES, MAX_BATCH_ITEMS, BatchWriter
from handlers.shared.clients import Renewable
from handlers.shared.failure_bucket import FailureBucket
from handlers.shared.invocation import Invocation
from handlers.shared.json_calls import DYNAMODB, JsonCalls
from handlers.shared.ordered import batches_of
from handlers.shared.streams import DYNAMODB_STREAM, Reply
from handlers.shared.time_budget import LambdaContext

SETTINGS = Settings.from_environment(os.environ)


def handler(event: dict[str, Any], context: LambdaContext) -> Reply:
    """Writes one batch of stream records; replies with the first that is not written, if any."""
    invocation = Invocation(event, context, DYNAMODB_STREAM, _bucket())
    selection = Selection(SETTINGS.table, SETTINGS.hash_name, SETTINGS.range_name)
    run = invocation.run(_writer().send, _executor(), SETTINGS.threads)
    failure = run.apply(batches_of(selection.entries_of(invocation.records), MAX_BATCH_ITEMS, MAX_BATCH_BYTES))
    return invocation.reply(failure, selection.skipped)


# Made at the first use and kept for the invocations that follow in this sandbox.
@cache
def _writer() -> BatchWriter:
    return BatchWriter(
        Renewable(lambda: JsonCalls(DYNAMODB, connections=SETTINGS.threads)), SETTINGS.hash_name, SETTINGS.range_name
    )


@cache
def _bucket() -> FailureBucket:
    return FailureBucket(SETTINGS.failure_bucket)


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SETTINGS.threads)
