"""Brings into a lake what the table had before its stream: from a scan, or from a point-in-time export.

Killed and typed again, an export goes on behind the last file that was put, for as long as it is from today; a scan
begins anew. Neither changes `latest`: what was put twice is the same twice.
"""

import gzip
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from operations.data_lake.deployed import Way
from operations.data_lake.snapshots import Snapshot, as_entry, moment, stream_writer
from operations.errors import OperationError
from operations.instruments import exporting
from operations.instruments.exporting import Export, gigabytes
from operations.instruments.rates import RateLimit, provisioned
from operations.instruments.raw import Item

# A scan of a larger table takes hours of its capacity; an export takes none.
MOST_SCANNED_BYTES = 10e9
# In the bucket of exports.
PLACE = "backfill/lake.json"
# An older export brings ever more that the stream has brought since.
LONGEST_S = 24 * 3600.0

OnItems = Callable[[int], None]


@dataclass(frozen=True)
class Brought:
    """How many items were put into the stream, as of when (seconds since 1970)."""

    items: int
    time_s: float


def intention(way: Way, from_export: bool) -> str:
    """What it will do, for whoever is to agree."""
    table = way.table
    size = int(table.description["TableSizeBytes"])
    source = "a point-in-time export, billed by the GB" if from_export else "a scan, which uses its read capacity"
    return (
        f"{table.item_count} items of `{table.name}` ({gigabytes(size)}, as counted some hours ago), by {source}, go "
        f"through {way.stream_arn.rpartition('/')[2]} into the lake, at half of what the stream takes at the most."
    )


def scanned(way: Way, read_units: float | None, on_items: OnItems) -> Brought:
    """Bring the items as a scan finds them. Raises OperationError, and what the calls raise."""
    table = way.table
    limit = RateLimit(read_units or provisioned(table.description, "ReadCapacityUnits"))
    time_s = moment(table, way.stream_arn, way.at.stack.name)
    snapshot = snapshot_of(way, time_s)
    return _brought(way, snapshot, (item for page, _ in table.pages(0, 1, limit) for item in page), on_items)


def exported(way: Way, on_items: OnItems) -> Brought:
    """Bring the items of an export, which is asked for and waited for; goes on with one that was killed.

    Raises OperationError.
    """
    place = place_of(way)
    began, export = begun(way, place)
    snapshot = snapshot_of(way, began.time_s)
    for file in exporting.data_files(way.s3, export):
        if file.key not in began.files:
            began.items += _brought(way, snapshot, _items(way.s3, export.bucket, file.key), on_items).items
            began.files.append(file.key)
            place.save(began)
    place.remove()
    return Brought(began.items, began.time_s)


def begun(way: Way, place: "Place") -> tuple["Began", Export]:
    """The backfill that was killed, or a new one, with its finished export. Raises OperationError."""
    began = place.load()
    if began is None:
        time_s = moment(way.table, way.stream_arn, way.at.stack.name)
        token = f"lake-{int(time_s * 1000)}"
        began = Began(time_s, exporting.request(way.table, way.export_bucket, token))
        place.save(began)
    try:
        return began, exporting.finished(way.table, began.export_arn)
    except OperationError:
        # The same command asks for a new one.
        place.remove()
        raise


def place_of(way: Way) -> "Place":
    """Where a backfill of this table keeps how far it is."""
    return Place(way.s3, way.export_bucket.name)


def snapshot_of(way: Way, time_s: float) -> Snapshot:
    """The table as it is at a moment, in seconds since 1970."""
    return Snapshot(way.table.name, list(way.table.keys), way.table.dynamodb.region, time_s)


@dataclass
class Began:
    """A backfill of an export: the moment of its snapshot (seconds since 1970), the files and items that were put.

    Those are of a backfill by this machine; one by the state machine has its last execution, and their number: see
    distributing.Progress.
    """

    time_s: float
    export_arn: str
    files: list[str] = field(default_factory=list)
    items: int = 0
    execution_arn: str | None = None
    runs: int = 0
    quiet_at_s: float = 0.0


@dataclass(frozen=True)
class Place:
    """Where a backfill stands, kept beside its export so that any machine can go on."""

    s3: Any
    bucket: str

    def load(self) -> Began | None:
        """The backfill that did not come to its end, if it is not too old."""
        try:
            began = Began(**json.loads(self.s3.get_object(Bucket=self.bucket, Key=PLACE)["Body"].read()))
        except self.s3.exceptions.NoSuchKey:
            return None
        return began if time.time() - began.time_s < LONGEST_S else None

    def save(self, began: Began) -> None:
        """Keep it."""
        self.s3.put_object(Bucket=self.bucket, Key=PLACE, Body=json.dumps(asdict(began)).encode())

    def remove(self) -> None:
        """Forget it: everything is put."""
        self.s3.delete_object(Bucket=self.bucket, Key=PLACE)


def _brought(way: Way, snapshot: Snapshot, items: Iterable[Item], on_items: OnItems) -> Brought:
    writer = stream_writer(way.at.client("kinesis"), way.stream_arn)
    writer.put((as_entry(snapshot.of_item(item)) for item in items), on_items)
    return Brought(writer.records, snapshot.time_s)


def _items(s3: Any, bucket: str, key: str) -> Iterator[Item]:
    """The items of one of an export's files."""
    with gzip.open(s3.get_object(Bucket=bucket, Key=key)["Body"]) as lines:
        yield from (json.loads(line)["Item"] for line in lines)
