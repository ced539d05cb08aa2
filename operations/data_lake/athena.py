"""Compares a lake with its table on Athena: the table is exported, a state machine makes rows of the export as the
transformer would, and one query compares them with the newest rows of the lake.

It uses none of the table's capacity but for the keys that the query names, and no memory of this machine. What it makes
for that is removed at the end, also after ^C; what a function writes after that goes by the bucket's lifecycle.
"""

import json
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from components.data_lake.prefixes import EXPORTED_ROWS
from handlers.lake_exporter.flattening import RowsFolder
from operations.data_lake import athena_sql
from operations.data_lake.backfilling import snapshot_of
from operations.data_lake.deployed import Bulk, Store, Way
from operations.data_lake.latest_rows import form_of, latest_rows
from operations.data_lake.querying import ran
from operations.data_lake.verifying import Rules, settled
from operations.errors import OperationError
from operations.instruments import comparing_sql, distributing, export_progress, exporting
from operations.instruments.athena import lines_table
from operations.instruments.comparing import KEPT_KEYS, Found
from operations.instruments.comparing_sql import literal
from operations.instruments.distributing import Watch
from operations.instruments.exporting import Export, gigabytes
from operations.instruments.items import key_of
from operations.instruments.patience import Patience
from operations.instruments.verifying import Report

# Athena takes queries of 262,144 bytes; this is what the keys of one may have.
# https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
MOST_KEYS_BYTES = 200_000
DELETED_AT_ONCE = 1_000  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html

# Told what is being done.
OnStep = Callable[[str], None]


@dataclass
class _Once:
    """The progress of an execution that nobody comes back to."""

    execution_arn: str | None = None
    runs: int = 0
    quiet_at_s: float = 0.0


def intention(way: Way, store: Store) -> str:
    """What it will do and cost, for whoever is to agree."""
    size = int(way.table.description["TableSizeBytes"])
    limit = int(store.at.outputs["scanLimitBytes"])
    return (
        f"export   {gigabytes(size)} of `{way.table.name}`, by the GB, see https://aws.amazon.com/dynamodb/pricing/\n"
        f"query    the whole lake and the export's rows, stopped at {gigabytes(limit)}, see "
        "https://aws.amazon.com/athena/pricing/"
    )


def verify(way: Way, store: Store, bulk: Bulk, rules: Rules, patience: Patience, on_step: OnStep) -> Report:
    """Export, flatten, compare by Athena, and look at what differs in table and lake. Raises OperationError."""
    began = patience.clock()
    texts: dict[str, str] = {}

    def named(text: str) -> str:
        """The key as reports have it; its text in the lake is kept."""
        key = key_of(json.loads(text), way.table.keys)
        texts[text] = key
        return key

    found = _found(way, store, bulk, named, on_step)
    on_step("Confirming what differs")
    # A key whose number is written in two ways has two texts.
    only = list(texts)
    fits = sum(len(literal(text).encode()) + 2 for text in only) <= MOST_KEYS_BYTES
    lake = partial(latest_rows, store, way.table.keys, only)
    report = settled(way.table, lake, rules, found, patience, KEPT_KEYS if fits else 0)
    report.seconds = patience.clock() - began
    return report


def _found(way: Way, store: Store, bulk: Bulk, named: Callable[[str], str], on_step: OnStep) -> Found:
    run, athena = uuid.uuid4().hex, store.athena
    with ExitStack() as cleanup:
        on_step(f"Exporting {way.table.name}")
        export = exporting.finished(way.table, exporting.request(way.table, way.export_bucket, f"verify-{run}"))
        cleanup.callback(_delete, way.s3, export.bucket, f"{export.folder}/")
        places = export_progress.folder_of(export)
        cleanup.callback(_delete, way.s3, export.bucket, f"{places}/")
        made = RowsFolder(store.work_bucket, f"{EXPORTED_ROWS}{export.id}/")
        cleanup.callback(_delete, store.s3, *made)
        _flatten(way, bulk, export, places, made, cleanup, on_step)
        table = f"rows_{run}"
        cleanup.callback(athena.drop_table, table)
        athena.create_table(lines_table(table, f"s3://{made.bucket}/{made.prefix}"))
        with form_of(store).rows(store) as rows:
            sql = athena_sql.comparison(f'"{athena.database}"."{table}"', rows, store.settings.layout.format)
            query, _ = ran(athena, sql, lambda read: on_step(f"Comparing ({gigabytes(read)} read)"))
        return comparing_sql.found(athena.rows(query), named)


def _flatten(
    way: Way, bulk: Bulk, export: Export, places: str, made: RowsFolder, cleanup: ExitStack, on_step: OnStep
) -> None:
    """Make rows of the export's files. Raises OperationError when one of them cannot be read."""
    files = exporting.data_files(way.s3, export)
    if not files:
        return
    client, progress = way.at.client("stepfunctions"), _Once()
    cleanup.callback(_stop, client, progress)
    concurrency = min(len(files), bulk.concurrency)
    # The time is in cells that are not compared.
    work = {"snapshot": asdict(snapshot_of(way, time.time())), "rows": made._asdict()}
    given = distributing.request(export, places, concurrency, work=work)
    watch = Watch(on_step, lambda done, total: on_step(f"Making rows ({done:g} of {total:g} files)"))
    given_up = distributing.carry_out(client, way.s3, bulk.machine_arn, export, given, progress, lambda: None, watch)
    if given_up:
        left = [file for file in files if file.key in given_up]
        raise OperationError(export_progress.not_done(left, len(files), given_up))


def _stop(client: Any, progress: _Once) -> None:
    """End an execution that is still running, as nobody waits for it any more."""
    found = distributing.find(client, progress.execution_arn) if progress.execution_arn else None
    if progress.execution_arn and found is not None and found.status == distributing.RUNNING:
        distributing.stop(client, progress.execution_arn, "the comparison was stopped")


def _delete(s3: Any, bucket: str, prefix: str) -> None:
    """Remove every object below a prefix."""
    for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": DELETED_AT_ONCE}
    ):
        if keys := [{"Key": entry["Key"]} for entry in page.get("Contents", [])]:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
