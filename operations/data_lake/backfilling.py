"""Brings into a lake what the table had before its stream: from a scan, or from a point-in-time export.

Killed and typed again it begins anew, which changes nothing in `latest`: what was put twice is the same twice.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from operations.data_lake.deployed import Store, Way
from operations.data_lake.snapshots import Snapshot, as_entry, moment, stream_writer
from operations.instruments import exporting
from operations.instruments.exporting import Export, ExportBucket, gigabytes
from operations.instruments.rates import RateLimit, provisioned
from operations.instruments.raw import Item

# A scan of a larger table takes hours of its capacity; an export takes none.
MOST_SCANNED_BYTES = 10e9

OnItems = Callable[[int], None]


@dataclass(frozen=True)
class Brought:
    """How many items were put into the stream, as of when (seconds since 1970)."""

    items: int
    time_s: float


def intention(way: Way, store: Store | None) -> str:
    """What it will do, for whoever is to agree; from an export when there is a `store` to take it."""
    table = way.table
    size = int(table.description["TableSizeBytes"])
    source = "a scan, which uses its read capacity" if store is None else "a point-in-time export, billed by the GB"
    return (
        f"{table.item_count} items of `{table.name}` ({gigabytes(size)}, as counted some hours ago), by {source}, go "
        f"through {way.stream_arn.rpartition('/')[2]} into the lake, at half of what the stream takes at the most."
    )


def scanned(way: Way, read_units: float | None, on_items: OnItems) -> Brought:
    """Bring the items as a scan finds them. Raises OperationError, and what the calls raise."""
    table = way.table
    limit = RateLimit(read_units or provisioned(table.description, "ReadCapacityUnits"))
    snapshot = _snapshot(way)
    return _brought(way, snapshot, (item for page, _ in table.pages(0, 1, limit) for item in page), on_items)


def exported(way: Way, store: Store, on_items: OnItems) -> Brought:
    """Bring the items of an export, which is asked for now and waited for. Raises OperationError."""
    snapshot = _snapshot(way)
    key_arn = str(store.at.outputs["keyArn"])
    bucket = ExportBucket(str(store.at.outputs["workBucketName"]), key_arn.split(":")[4], key_arn)
    arn = exporting.request(way.table, bucket, f"lake-{int(snapshot.time_s * 1000)}")
    export = exporting.finished(way.table, arn)
    return _brought(way, snapshot, _items(store.s3, export), on_items)


def _snapshot(way: Way) -> Snapshot:
    table = way.table
    time_s = moment(table, way.stream_arn, way.at.stack.name)
    return Snapshot(table.name, table.keys, table.dynamodb.region, time_s)


def _brought(way: Way, snapshot: Snapshot, items: Iterable[Item], on_items: OnItems) -> Brought:
    writer = stream_writer(way.at.client("kinesis"), way.stream_arn)
    writer.put((as_entry(snapshot.of_item(item)) for item in items), on_items)
    return Brought(writer.records, snapshot.time_s)


def _items(s3: Any, export: Export) -> Iterator[Item]:
    for file in exporting.data_files(s3, export):
        body = s3.get_object(Bucket=export.bucket, Key=file.key)["Body"]
        with gzip.open(body) as lines:
            yield from (json.loads(line)["Item"] for line in lines)
