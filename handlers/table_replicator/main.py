"""The replicator's entry point.

The way of the data: stream records -> changes -> last change of each key -> batches -> writes -> the first failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

from handlers.shared.batch_write import MAX_BATCH_BYTES, MAX_BATCH_ITEMS
from handlers.shared.clients import Renewable
from handlers.shared.failure_bucket import FailureBucket
from handlers.shared.invocation import Invocation
from handlers.shared.ordered import Entry, OrderedRun, Send, batches_of
from handlers.shared.poison import Poison, undecidable
from handlers.shared.positions import position_names
from handlers.shared.replica import ReplicaSettings, replica_client
from handlers.shared.settings import failure_bucket
from handlers.shared.streams import DYNAMODB_STREAM, Failure, Reply
from handlers.shared.time_budget import LambdaContext
from handlers.shared.transactions import MAX_BYTES, MAX_PAIRS
from handlers.table_replicator.batches import batch_writer, write_request
from handlers.table_replicator.changes import Change, apply_last, changes_of
from handlers.table_replicator.guarded import GuardedWriter, guarded_requests

SETTINGS = ReplicaSettings.from_environment(os.environ)
FAILURE_BUCKET = failure_bucket(os.environ)


def handler(event: dict[str, Any], context: LambdaContext) -> Reply:
    """Applies one batch of stream records to the replica; replies with the first that is not applied, if any."""
    invocation = Invocation(event, context, DYNAMODB_STREAM, _bucket())
    read = changes_of(invocation.records, SETTINGS.replica_table)
    writing = _guarded(read.changes) if SETTINGS.positions_table else _unguarded(read.changes)
    runs: list[OrderedRun] = []

    def run() -> OrderedRun:
        runs.append(invocation.run(writing.send, _executor(), SETTINGS.threads))
        return runs[-1]

    def apply(changes: list[Change]) -> tuple[Failure | None, Set[int]]:
        if runs and invocation.budget.left_s() <= 0:
            return Failure(changes[0].position, 0, "not tried, because the invocation's time ran out"), set()
        one = run()
        # A batch is made while those before it are on their way.
        entries = _entries(changes, writing.entry_of)
        return one.apply(batches_of(entries, writing.max_entries, writing.max_bytes)), one.aside

    failure = apply_last(read.changes, apply)
    passed_over = len(read.changes) - sum(one.counts.applied + one.counts.poisoned for one in runs)
    poison = [one for one in read.poison if failure is None or one.position < failure.position]
    failure = run().apply(batches_of(poison, writing.max_entries, writing.max_bytes)) or failure
    return invocation.reply(failure, 0 if failure else passed_over, writing.superseded())


def _entries(changes: Iterable[Change], entry_of: Callable[[Change], Entry]) -> Iterator[Entry | Poison]:
    for change in changes:
        try:
            entry = entry_of(change)
        except Exception as error:
            yield undecidable(change.position, error)
        else:
            yield entry


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


def _guarded(changes: list[Change]) -> _Writing:
    writer = GuardedWriter(_client())
    names = position_names(changes[0].key) if changes else position_names(())
    entry_of = guarded_requests(SETTINGS.replica_table, str(SETTINGS.positions_table), SETTINGS.tombstone_days, names)
    return _Writing(entry_of, writer.send, MAX_PAIRS, MAX_BYTES, writer.superseded)


# Made at the first use and kept for the invocations that follow in this sandbox.
@cache
def _client() -> Renewable:
    return Renewable(lambda: replica_client(SETTINGS))


@cache
def _bucket() -> FailureBucket:
    return FailureBucket(FAILURE_BUCKET)


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SETTINGS.threads)
