"""The data lake: flattening against what is usual, memory, changes to S3, and `latest` over more and more changes.

`python -m benchmarks.lake [CHANGES]` runs this alone, `latest` over up to so many changes instead of a million.
"""

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

from boto3.dynamodb.types import TypeDeserializer

from benchmarks.cloud import seconds_until
from benchmarks.lake_items import deep, flight, record, review
from benchmarks.results import Result
from handlers.lake_transformer.changes import ChangeWriter
from handlers.lake_transformer.flattening import Flattener
from handlers.lake_transformer.shapes import ShapedWriter
from integration_tests.data_lake import flights
from integration_tests.data_lake.lake import ONE_ACCOUNT, Lake, deployed_lake
from integration_tests.support.addressing import Cloud
from localcloud import server
from operations.data_lake.querying import ran
from operations.instruments.athena import Athena

ROUNDS, RECORDS = 7, 400
# Firehose hands over 3 MB at the most.
LARGEST_INPUT = 3 * 1024 * 1024
MEMORY_GOAL_MB = 128.0
CHANGES, CHANGES_GOAL_S = 10_000, 15.0
WRITERS = 4
SIZES = (10_000, 100_000, 1_000_000)
CHANGES_PER_KEY = 10
OBJECT_CHANGES = 20_000
PROJECT = Path(__file__).parents[1]

_PEAK = """
import base64, json
from benchmarks.lake_items import batches
from benchmarks.memory import peak_mb
from handlers.lake_transformer.main import handler

class Context:
    aws_request_id, function_name = "request", "transform"

records = [
    {{"recordId": str(number), "data": base64.b64encode(data).decode()}} for number, data in enumerate(batches({size}))
]
event = json.loads(json.dumps({{"records": records}}))
assert all(one["result"] == "Ok" for one in handler(event, Context())["records"])
print(peak_mb())
"""


def run(largest: int = SIZES[-1]) -> Iterator[Result]:
    """Each comparison."""
    yield from _flattening()
    done = subprocess.run(
        [sys.executable, "-c", _PEAK.format(size=LARGEST_INPUT)],
        cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    peak_mb = float(done.stdout.split()[-1])
    yield Result("transform's peak at 3 MB of input", "goal", "ours", MEMORY_GOAL_MB, peak_mb, 1, "MB")
    with server.start() as running, ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        cloud = Cloud("local", running.endpoint, Path(cleanup.enter_context(tempfile.TemporaryDirectory())))
        lake = deployed_lake(cloud, folder, cleanup, ONE_ACCOUNT)
        seconds = _changes_s(lake)
        yield Result(f"{CHANGES:,} changes from put to verified in S3", "goal", "ours", CHANGES_GOAL_S, seconds, 1, "s")
        yield from _latest(lake, [size for size in SIZES if size <= largest])


def _flattening() -> Iterator[Result]:
    """Processor time from a record's bytes to its line's, of all three in one run."""
    shapes = {
        "10 attributes, 2 levels": (flight, 5.0, 0.5),
        "10 attributes, flat, text with quotes and line breaks": (review, None, None),
        "100 attributes, 6 levels": (deep, None, None),
    }
    for name, (item, of_usual, of_json) in shapes.items():
        records = [record(item(number), number) for number in range(RECORDS)]
        ours = partial(_ours, ShapedWriter(ChangeWriter(Flattener({}), None)))
        usual_us, json_us, ours_us = _least_us(records, _usual, _json_alone, ours)
        label = f"flattening {name}, {len(records[0])} bytes"
        yield Result(label, "TypeDeserializer + json.dumps", "ours", usual_us, ours_us, of_usual, "µs")
        yield Result(label, "json.loads + json.dumps", "ours", json_us, ours_us, of_json, "µs")


def _least_us(records: list[bytes], *ways: Callable[[bytes], object]) -> list[float]:
    """The least microseconds of processor time for one record, the ways taking turns."""
    least = [float("inf")] * len(ways)
    for _ in range(ROUNDS):
        for number, way in enumerate(ways):
            began = time.process_time()
            for data in records:
                way(data)
            least[number] = min(least[number], (time.process_time() - began) / len(records) * 1e6)
    return least


_deserialize = TypeDeserializer().deserialize


def _usual(data: bytes) -> str:
    """As published handlers do: nothing is flattened yet."""
    image = json.loads(data)["dynamodb"]["NewImage"]
    return json.dumps({name: _deserialize(value) for name, value in image.items()}, default=str)


def _json_alone(data: bytes) -> str:
    return json.dumps(json.loads(data))


def _ours(writer: ShapedWriter, data: bytes) -> bytes:
    return writer.line(data.decode(), "4" * 56).encode()


def _changes_s(lake: Lake) -> float:
    """Seconds from the first put until every change is in S3 and was compared."""
    rows: dict[str, list[dict[str, Any]]] = {}

    def delivered() -> int:
        """How many rows there are; an object is read once."""
        for key in set(_object_keys(lake)) - rows.keys():
            body = lake.consumer.s3.get_object(Bucket=lake.store["bucketName"], Key=key)["Body"].read()
            rows[key] = [json.loads(line) for line in body.splitlines()]
        return sum(map(len, rows.values()))

    lake.put({"id": {"S": "warm"}})
    seconds_until(lambda: delivered() == 1)
    items = flights.changes(CHANGES)
    expected = flights.expected(items)
    began = time.monotonic()
    # An aircraft's changes stay in their order.
    shares = [
        [item for item in items if crc32(item["id"]["S"].encode()) % WRITERS == share] for share in range(WRITERS)
    ]
    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(partial(flights.write, lake.producer.dynamodb, lake.way["tableName"]), shares))
    print(f"  put after {time.monotonic() - began:.1f} s", flush=True)
    seconds_until(lambda: delivered() == 1 + CHANGES)
    print(f"  delivered after {time.monotonic() - began:.1f} s", flush=True)
    found = [row for of_object in rows.values() for row in of_object if row["id"].startswith(flights.PREFIX)]
    assert flights.by_aircraft(found) == expected
    return time.monotonic() - began


def _object_keys(lake: Lake) -> list[str]:
    pages = lake.consumer.s3.get_paginator("list_objects_v2").paginate(
        Bucket=lake.store["bucketName"], Prefix="changes/"
    )
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def _latest(lake: Lake, sizes: list[int]) -> Iterator[Result]:
    """Time and bytes of `latest`; the changes are written into the bucket as Firehose would, with gzip."""
    athena = Athena(lambda service: getattr(lake.consumer, service), lake.store)
    for key in _object_keys(lake):
        lake.consumer.s3.delete_object(Bucket=lake.store["bucketName"], Key=key)
    seconds, scanned = [], []
    written = 0
    for size in sizes:
        while written < size:
            count = min(OBJECT_CHANGES, size - written)
            _put_changes(lake, written, count, sizes[-1] // CHANGES_PER_KEY)
            written += count
        began = time.monotonic()
        query, ended = ran(athena, "select count(*), count(distinct change_key) from latest")
        seconds.append(time.monotonic() - began)
        scanned.append(ended.scanned_bytes)
        print(f"  latest over {size:,} changes: {seconds[-1]:.2f} s, {ended.scanned_bytes:,} bytes scanned", flush=True)
        [[items, keys]] = athena.rows(query)
        assert items == keys == str(min(size, sizes[-1] // CHANGES_PER_KEY))
    for size, one_s, one_scanned in zip(sizes[1:], seconds[1:], scanned[1:], strict=True):
        first, name = f"{sizes[0]:,} changes", f"{size:,} changes"
        yield Result("latest", first, name, seconds[0], one_s, None, "s")
        yield Result("latest, scanned", first, name, scanned[0] / 1e6, one_scanned / 1e6, None, "MB")


def _put_changes(lake: Lake, first: int, count: int, keys: int) -> None:
    writer = ShapedWriter(ChangeWriter(Flattener({}), None))

    def line(number: int) -> str:
        item: dict[str, Any] = {**flight(number), "id": {"S": f"key-{number % keys}"}}
        return writer.line(record(item, number, at_ms=1_795_374_590_123 + number).decode(), str(number))

    body = gzip.compress("".join(map(line, range(first, first + count))).encode(), compresslevel=1)
    lake.consumer.s3.put_object(
        Bucket=lake.store["bucketName"],
        Key=f"changes/delivered_on=2026-11-28/{first:08d}.gz",
        Body=body,
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=lake.store["keyArn"],
    )


if __name__ == "__main__":
    for result in run(*map(int, sys.argv[1:])):
        print(result, flush=True)
