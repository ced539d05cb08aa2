"""Brings what a table had before its stream by a state machine: a function for each file of an export, several at once.

Killed and typed again, the same command watches the same execution, or begins another one for what is left. See
components/distributed_backfill.py and handlers/lake_exporter.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from handlers.shared.export_places import Refused
from handlers.shared.snapshots import Snapshot
from operations.data_lake.backfilling import Place, begun, snapshot_of
from operations.data_lake.deployed import Bulk, Store, Way
from operations.data_lake.snapshots import Pace, pace_of
from operations.errors import OperationError
from operations.instruments import distributing, export_progress, exporting
from operations.instruments.distributing import Watch


@dataclass(frozen=True)
class Taken:
    """How many items were put into the stream, as of when (seconds since 1970), and those that it does not take."""

    items: int
    time_s: float
    refused: Sequence[Refused]


def brought(way: Way, store: Store, bulk: Bulk, watch: Watch) -> Taken:
    """Bring the items of an export. Raises OperationError when files are not done, and names them."""
    place = Place(store.s3, store.export_bucket.name)
    began, export = begun(way, store, place)
    files = exporting.data_files(store.s3, export)
    left = export_progress.open_files(store.s3, export, files)
    if left:
        concurrency = max(1, min(len(left), bulk.concurrency))
        pace = pace_of(way.at.client("kinesis"), way.stream_arn)
        given = distributing.request(
            export,
            export_progress.folder_of(export),
            concurrency,
            work=work(snapshot_of(way, began.time_s), pace, concurrency),
        )
        client, save = way.at.client("stepfunctions"), partial(place.save, began)
        given_up = distributing.carry_out(client, store.s3, bulk.machine_arn, export, given, began, save, watch)
        if left := export_progress.open_files(store.s3, export, left):
            raise OperationError(export_progress.not_done(left, len(files), given_up))
    tally = export_progress.tally_of(one for _, one in export_progress.places_of(store.s3, export, files))
    place.remove()
    return Taken(tally.written, began.time_s, tally.refused)


def work(snapshot: Snapshot, pace: Pace | None, concurrency: int) -> dict[str, Any]:
    """What each function is to do with its file: its part of the pace, or rows of the lake when there is none."""
    part = None if pace is None else Pace(pace.bytes_per_s / concurrency, pace.records_per_s / concurrency)
    return {"snapshot": asdict(snapshot), "pace": None if part is None else asdict(part)}
