"""The exporter's entry point, for one file of a table's export.

The way of the data: gzip lines -> items -> change records -> the stream of the changes, or the transformer's rows ->
objects; and the file's place, which says whether to invoke it again.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

from handlers.lake_exporter import flattening, putting
from handlers.lake_exporter.flattening import RowsFolder
from handlers.lake_transformer.changes import ChangeWriter
from handlers.lake_transformer.flattening import Flattener
from handlers.lake_transformer.settings import Settings
from handlers.shared import export_places
from handlers.shared.clients import create_client
from handlers.shared.export_files import copy_file
from handlers.shared.export_places import DataFile
from handlers.shared.rate_limit import RateLimit
from handlers.shared.report import log_invocation
from handlers.shared.snapshots import Snapshot
from handlers.shared.time_budget import LambdaContext, TimeBudget

STREAM_ARN = putting.stream_arn()
SETTINGS = Settings.from_environment(os.environ)
WRITER = ChangeWriter(
    Flattener(SETTINGS.rules, keep_nested=SETTINGS.keep_nested), None, whole_items=SETTINGS.whole_items
)
S3_ATTEMPTS = 5


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Takes what time allows of a file, and replies whether it is done and what became of its items so far.

    `event` has the export's `bucket`, the `file` (its key), the `folder` for places, and `work`: a `snapshot`, whose
    records are made, and `pace`, the bytes and records a second that this file may put into the stream; or in its place
    `rows`, the `bucket` and the `prefix` of the objects that get rows of the lake. Raises BackfillError, and what S3
    answers.
    """
    budget = TimeBudget(context.get_remaining_time_in_millis)
    file = DataFile(event["bucket"], event["file"], event["folder"])
    work = event["work"]
    snapshot = Snapshot(**work["snapshot"])
    before = export_places.load(_s3(), file)
    started_s = time.time()
    if "rows" in work:
        write = flattening.flatten_to(_s3(), RowsFolder(**work["rows"]), file, WRITER, snapshot, budget)
        place = copy_file(_s3(), file, write, putting.ADVICE, flattening.CHUNK_ROWS)
    else:
        # The time that the bounds make it wait must not outlast the invocation.
        limits = [
            RateLimit(work["pace"][unit], sleep=lambda wait_s: time.sleep(max(0.0, min(wait_s, budget.left_s()))))
            for unit in ("bytes_per_s", "records_per_s")
        ]
        stream = putting.Stream(_kinesis(), STREAM_ARN, *limits)
        place = copy_file(_s3(), file, putting.put_to(stream, snapshot, budget), putting.ADVICE)
    metrics = {
        "Written": (place.written - before.written, "Count"),
        "Refused": (len(place.refused) - len(before.refused), "Count"),
        "Time": (round((time.time() - started_s) * 1000), "Milliseconds"),
    }
    log_invocation(context, metrics, {"level": "INFO", "file": file.key, "line": place.line, "done": place.done})
    return {"done": place.done, "written": place.written, "kept": place.kept, "refused": len(place.refused)}


# Made at the first use and kept for the invocations that follow in this sandbox.
@cache
def _s3() -> Any:
    return create_client("s3", attempts=S3_ATTEMPTS)


@cache
def _kinesis() -> Any:
    return create_client("kinesis")
