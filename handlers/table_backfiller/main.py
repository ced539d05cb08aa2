"""The backfiller's entry point, for one file of an export.

The way of the data: gzip lines -> rows -> conditional writes -> the place, which says whether to invoke it again.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from handlers.shared import export_places
from handlers.shared.clients import Renewable, create_client
from handlers.shared.export_files import copy_file
from handlers.shared.export_places import DataFile
from handlers.shared.rate_limit import RateLimit
from handlers.shared.replica import ReplicaSettings, replica_client
from handlers.shared.report import log_invocation
from handlers.shared.time_budget import LambdaContext, TimeBudget
from handlers.table_backfiller.rows import ADVICE, Destination, RowWriter, chunk_writer, row_writer

SETTINGS = ReplicaSettings.from_environment(os.environ)
S3_ATTEMPTS = 5


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Copies what time allows of a file, and replies whether it is done and what became of its rows so far.

    `event` has the export's `bucket`, the `file` (its key), the `folder` for places, the names of the replica's `keys`,
    and `writeUnits`, the write units a second to use at most, or null. Raises BackfillError, and what S3 answers.
    """
    budget = TimeBudget(context.get_remaining_time_in_millis)
    file = DataFile(event["bucket"], event["file"], event["folder"])
    # The time that the bound makes it wait must not outlast the invocation.
    limit = RateLimit(event["writeUnits"], sleep=lambda wait_s: time.sleep(max(0.0, min(wait_s, budget.left_s()))))
    to = Destination(SETTINGS.replica_table, event["keys"], SETTINGS.positions_table)

    def new_writer() -> RowWriter:
        return row_writer(_client(), to, limit)

    started_s = time.time()
    before = export_places.load(_s3(), file)
    place = copy_file(_s3(), file, chunk_writer(new_writer, budget, _executor(), SETTINGS.threads), ADVICE)
    metrics = {
        "Written": (place.written - before.written, "Count"),
        "Kept": (place.kept - before.kept, "Count"),
        "Refused": (len(place.refused) - len(before.refused), "Count"),
        "Time": (round((time.time() - started_s) * 1000), "Milliseconds"),
    }
    log_invocation(context, metrics, {"level": "INFO", "file": file.key, "line": place.line, "done": place.done})
    return {"done": place.done, "written": place.written, "kept": place.kept, "refused": len(place.refused)}


# Made at the first use and kept for the invocations that follow in this sandbox.
@cache
def _client() -> Renewable:
    return Renewable(lambda: replica_client(SETTINGS))


@cache
def _s3() -> Any:
    return create_client("s3", attempts=S3_ATTEMPTS)


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SETTINGS.threads)
