"""The replicator's entry point.

The way of the data: stream records -> changes -> last change of each key -> batches -> writes -> the first failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

from handlers.shared.batch_write import MAX_BATCH_BYTES, MAX_BATCH_ITEMS
from handlers.shared.clients import Renewable
from handlers.shared.invocation import DYNAMODB_STREAM, Invocation, Reply
from handlers.shared.ordered import Counts, Entry, Failure, OrderedRun, Send, batches_of
from handlers.shared.replica import ReplicaSettings, replica_client
from handlers.shared.time_budget import LambdaContext
from handlers.shared.transactions import MAX_BYTES, MAX_PAIRS
from handlers.table_replicator.batches import batch_writer, write_request
from handlers.table_replicator.changes import Change, apply_last, changes_of, total
from handlers.table_replicator.guarded import GuardedWriter, guarded_requests

SETTINGS = ReplicaSettings.from_environment(os.environ)


def handler(event: dict[str, Any], context: LambdaContext) -> Reply:
    """Applies one batch of stream records to the replica; replies with the first that is not applied, if any."""
    invocation = Invocation(event, context, DYNAMODB_STREAM)
    read = changes_of(invocation.records, SETTINGS.replica_table)
    writing = _guarded() if SETTINGS.positions_table else _unguarded(read.changes)
    runs: list[Counts] = []

    def apply(changes: list[Change]) -> Failure | None:
        if runs and invocation.budget.left_s() <= 0:
            return Failure(changes[0].position, "not tried, because the invocation's time ran out")
        run = OrderedRun(writing.send, invocation.budget, executor=_executor(), threads=SETTINGS.threads)
        runs.append(run.counts)
        # A batch is made while those before it are on their way.
        return run.apply(batches_of(map(writing.entry_of, changes), writing.max_entries, writing.max_bytes))

    failure = apply_last(read.changes, apply) or read.failure
    counts = total(runs, writing.superseded())
    return invocation.reply(failure, counts, 0 if failure else len(read.changes) - counts.applied)


class _Writing(NamedTuple):
    """How changes are written; `superseded` says how many a newer change in the replica had overtaken."""

    entry_of: Callable[[Change], Entry]
    send: Send
    max_entries: int
    max_bytes: int
    superseded: Callable[[], int]


def _unguarded(changes: list[Change]) -> _Writing:
    send = batch_writer(_client(), changes).send
    return _Writing(write_request, send, MAX_BATCH_ITEMS, MAX_BATCH_BYTES, lambda: 0)


def _guarded() -> _Writing:
    writer = GuardedWriter(_client())
    entry_of = guarded_requests(SETTINGS.replica_table, str(SETTINGS.positions_table), SETTINGS.tombstone_days)
    return _Writing(entry_of, writer.send, MAX_PAIRS, MAX_BYTES, writer.superseded)


# Made at the first use and kept for the invocations that follow in this sandbox.
@cache
def _client() -> Renewable:
    return Renewable(lambda: replica_client(SETTINGS))


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SETTINGS.threads)
