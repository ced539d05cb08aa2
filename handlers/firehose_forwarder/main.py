"""The forwarder's entry point.

The way of the data: stream records -> new images -> lines -> Firehose records -> PutRecordBatch -> the first failure.
The calls follow each other strictly, so that the lines reach Firehose in the shard's order; only a record that
Firehose refuses for the moment comes later than its successors in the same call.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from handlers.firehose_forwarder.delivery import Delivery
from handlers.firehose_forwarder.packing import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, entries_of, packed, removals
from handlers.firehose_forwarder.settings import Settings
from handlers.shared.clients import Renewable
from handlers.shared.failure_bucket import FailureBucket
from handlers.shared.invocation import Invocation
from handlers.shared.json_calls import FIREHOSE, JsonCalls
from handlers.shared.ordered import batches_of
from handlers.shared.streams import DYNAMODB_STREAM, Reply
from handlers.shared.time_budget import LambdaContext

SETTINGS = Settings.from_environment(os.environ)


def handler(event: dict[str, Any], context: LambdaContext) -> Reply:
    """Forwards one batch of stream records; replies with the first that is not forwarded, if any."""
    invocation = Invocation(event, context, DYNAMODB_STREAM, _bucket())
    records = packed(entries_of(invocation.records), SETTINGS.pack_bytes)
    run = invocation.run(_delivery().send)
    failure = run.apply(batches_of(records, MAX_BATCH_RECORDS, MAX_BATCH_BYTES))
    return invocation.reply(failure, removals(invocation.records))


# Made at the first use and kept for the invocations that follow in this sandbox.
@cache
def _delivery() -> Delivery:
    return Delivery(Renewable(lambda: JsonCalls(FIREHOSE)), SETTINGS.delivery_stream)


@cache
def _bucket() -> FailureBucket:
    return FailureBucket(SETTINGS.failure_bucket)
