"""The copier's entry point.

The way of the data: Kinesis records -> items -> batches -> BatchWriteItem in the other account -> the first failure.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from handlers.cross_account_copier.items import HASH_NAME, RANGE_NAME, entries_of
from handlers.cross_account_copier.settings import Settings
from handlers.shared.batch_write import MAX_BATCH_BYTES, MAX_BATCH_ITEMS, BatchWriter
from handlers.shared.clients import AssumedRole, Renewable
from handlers.shared.failure_bucket import FailureBucket
from handlers.shared.invocation import Invocation
from handlers.shared.json_calls import DYNAMODB, JsonCalls
from handlers.shared.kinesis_records import alone
from handlers.shared.ordered import batches_of
from handlers.shared.progress import Progress
from handlers.shared.streams import KINESIS_STREAM, Reply
from handlers.shared.time_budget import LambdaContext

SETTINGS = Settings.from_environment(os.environ)
AGGREGATES = KINESIS_STREAM._replace(alone=alone)


def handler(event: dict[str, Any], context: LambdaContext) -> Reply:
    """Copies one batch of Kinesis records; replies with the first that is not copied, if any."""
    invocation = Invocation(event, context, AGGREGATES, _bucket())
    progress = Progress(invocation, _bucket())
    entries = entries_of(invocation.records, SETTINGS.table_of, progress.load)
    run = invocation.run(_writer().send, _executor(), SETTINGS.threads)
    failure = run.apply(batches_of(entries, MAX_BATCH_ITEMS, MAX_BATCH_BYTES))
    progress.save(failure)
    return invocation.reply(failure)


# Made at the first use and kept for the invocations that follow in this sandbox.
@cache
def _writer() -> BatchWriter:
    return BatchWriter(Renewable(_target_client), HASH_NAME, RANGE_NAME)


@cache
def _bucket() -> FailureBucket:
    return FailureBucket(SETTINGS.failure_bucket)


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SETTINGS.threads)


def _target_client() -> JsonCalls:
    role = AssumedRole(SETTINGS.role_arn, SETTINGS.session_name, SETTINGS.external_id)
    return JsonCalls(DYNAMODB, role.credentials(), region=SETTINGS.target_region, connections=SETTINGS.threads)
