"""Brings what a table had before its stream by a state machine: a function for each file of an export, several at once.

Killed and typed again, the same command watches the same execution, or begins another one for what is left. See
components/distributed_backfill.py and handlers/lake_exporter.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

from handlers.shared.export_places import Refused
from operations.data_lake.backfilling import begun, place_of, snapshot_of
from operations.data_lake.deployed import Bulk, Way
from operations.data_lake.snapshots import pace_of
from operations.errors import OperationError
from operations.instruments import distributing, export_progress, exporting
from operations.instruments.distributing import Watch


@dataclass(frozen=True)
class Taken:
    """How many items were put into the stream, as of when (seconds since 1970), and those that it does not take."""

    items: int
    time_s: float
    refused: Sequence[Refused]


def brought(way: Way, bulk: Bulk, watch: Watch) -> Taken:
    """Bring the items of an export. Raises OperationError when files are not done, and names them."""
    place = place_of(way)
    began, export = begun(way, place)
    files = exporting.data_files(way.s3, export)
    left = export_progress.open_files(way.s3, export, files)
    if left:
        concurrency = max(1, min(len(left), bulk.concurrency))
        pace = pace_of(way.at.client("kinesis"), way.stream_arn)
        given = distributing.request(
            export,
            export_progress.folder_of(export),
            concurrency,
            work={"snapshot": asdict(snapshot_of(way, began.time_s)), "pace": asdict(pace.divided(concurrency))},
        )
        client, save = way.at.client("stepfunctions"), partial(place.save, began)
        given_up = distributing.carry_out(client, way.s3, bulk.machine_arn, export, given, began, save, watch)
        if left := export_progress.open_files(way.s3, export, left):
            raise OperationError(export_progress.not_done(left, len(files), given_up))
    tally = export_progress.tally_of(one for _, one in export_progress.places_of(way.s3, export, files))
    place.remove()
    return Taken(tally.written, began.time_s, tally.refused)
