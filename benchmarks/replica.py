"""The table replica against the workshop's own way and against a bare client, on one local cloud, with the same rows.

The workshop loads one PutItem a row and replicates one PutItem a record, and looks at the replica with a scan.
"""

import io
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.cloud import Bench, benchmark_cloud, seconds_until
from benchmarks.results import Result
from integration_tests.support.addressing import statement
from operations.cross_account_copy.observing import item_count
from operations.table_replica import logfile
from operations.table_replica.loading import load, put_batch
from operations.table_replica.rates import RateLimit
from operations.table_replica.raw import Item, RawDynamoDB
from operations.table_replica.tables import Table
from operations.table_replica.verifying import Patience, verify

ROWS = 2_000
RATE_ROWS = 10_000
SIZES = (10_000, 30_000)
MEMORY_GOAL_MB = 150.0
GOAL_S = 4.0
BARE_THREADS = 4
BATCH_SIZE = 100
ACCOUNT = "444444444444"
PROJECT = Path(__file__).parents[1]
OURS = ("handlers/__init__.py", "handlers/table_replicator/*.py", "handlers/shared/*.py")
WORKSHOP = """
    import os
    import boto3

    dynamodb = boto3.client("dynamodb")


    def handler(event, context):
        for record in event["Records"]:
            if record["eventName"] == "REMOVE":
                dynamodb.delete_item(TableName=os.environ["REPLICA_TABLE"], Key=record["dynamodb"]["Keys"])
            else:
                dynamodb.put_item(TableName=os.environ["REPLICA_TABLE"], Item=record["dynamodb"]["NewImage"])
"""


def run() -> Iterator[Result]:
    """The workshop's exercise, the rate of the replication, what the guard costs, and what a verification needs."""
    with benchmark_cloud() as bench:
        _exercise(bench)  # the emulator's first use of each service is not what is measured
        ours = min(_exercise(bench), _exercise(bench))
        yield Result("load, replicate, verify", "the workshop's way", "ours", _workshop(bench), ours, 4, "s")
        yield Result("load, replicate, verify", "goal", "ours", GOAL_S, ours, at_least=1, unit="s")

        bare = min(_bare(bench), _bare(bench))
        plain = min(_replicated(bench, guarded=False), _replicated(bench, guarded=False))
        yield Result("replication's rate", "bare client", "ours", bare, plain, at_least=0.7, unit="s")
        guarded = _replicated(bench, guarded=True)
        yield Result("what the guard costs", "guarded", "not guarded", guarded, plain, at_least=1, unit="s")

        yield from _verifications(bench)


def _exercise(bench: Bench) -> float:
    """Seconds for loading, replicating and verifying, by our commands."""
    source, replica = _pair(bench)
    _replicate(bench, source, replica, _files(), "handlers.table_replicator.main.handler")
    began = time.monotonic()
    load(source, logfile.read(io.StringIO(_csv(ROWS))), stop=True)
    report = verify(source, replica, Patience(settle_s=60), RateLimit(None))
    if not report.equal or report.items[0] != ROWS:
        raise RuntimeError(f"the replica is not equal to its source: {report}")
    return time.monotonic() - began


def _workshop(bench: Bench) -> float:
    """The same by one call a row and one a record, and a scan of both tables."""
    source, replica = _pair(bench)
    _replicate(bench, source, replica, WORKSHOP, "handler.handler")
    dynamodb = bench.clients(ACCOUNT).dynamodb
    began = time.monotonic()
    for row in logfile.read(io.StringIO(_csv(ROWS))):
        dynamodb.put_item(TableName=source.name, Item=row)
    seconds_until(lambda: item_count(dynamodb, replica.name) == ROWS)
    tables = [
        {item["PK"]["S"]: item for page in _pages(dynamodb, table.name) for item in page["Items"]}
        for table in (source, replica)
    ]
    if tables[0] != tables[1]:
        raise RuntimeError("the replica is not equal to its source")
    return time.monotonic() - began


def _pages(dynamodb: Any, table: str) -> Any:
    return dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)


def _bare(bench: Bench) -> float:
    """Seconds that BatchWriteItem takes from four threads for items that are there in DynamoDB's JSON."""
    _, replica = _pair(bench)
    batches = list(_batches(RATE_ROWS))
    began = time.monotonic()
    with ThreadPoolExecutor(BARE_THREADS) as threads:
        list(threads.map(lambda batch: put_batch(replica, batch), batches))
    return time.monotonic() - began


def _replicated(bench: Bench, *, guarded: bool) -> float:
    """Seconds from the mapping's creation until a stream that was there is in the replica."""
    source, replica = _pair(bench)
    with ThreadPoolExecutor(BARE_THREADS) as threads:
        list(threads.map(lambda batch: put_batch(source, batch), _batches(RATE_ROWS)))
    positions = bench.make.table(ACCOUNT, keys="PK")["TableName"] if guarded else ""
    began = _replicate(
        bench,
        source,
        replica,
        _files(),
        "handlers.table_replicator.main.handler",
        {"POSITIONS_TABLE": positions} if guarded else {},
        batch_size=1_000,
    )
    dynamodb = bench.clients(ACCOUNT).dynamodb
    seconds_until(lambda: item_count(dynamodb, replica.name) == RATE_ROWS)
    return time.monotonic() - began


def _verifications(bench: Bench) -> Iterator[Result]:
    """Time against a scan of both tables by one thread, and memory as the tables grow, in processes of their own."""
    memory = []
    for size in SIZES:
        source, replica = _pair(bench)
        for table in (source, replica):
            with ThreadPoolExecutor(BARE_THREADS) as threads:
                list(threads.map(lambda batch, table=table: put_batch(table, batch), _batches(size)))  # type: ignore[misc]
        scan, _ = _child(bench, "scan", source.name, replica.name)
        ours, peak_mb = _child(bench, "verify", source.name, replica.name)
        memory.append(peak_mb)
        yield Result(f"verify of {size} items", "scan by one thread", "ours", scan, ours, at_least=0.8, unit="s")
    small, large = memory
    yield Result(f"verify's memory, {SIZES[1]} for {SIZES[0]} items", "small", "large", small, large, 0.75, "MB")
    yield Result("verify's memory", "goal", "ours", MEMORY_GOAL_MB, large, at_least=1, unit="MB")


def _child(bench: Bench, what: str, source: str, replica: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of one reading of both tables, in a new process."""
    command = [sys.executable, "-m", "benchmarks.replica", what, bench.endpoint, source, replica]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    seconds, peak_mb = json.loads(done.stdout)
    return seconds, peak_mb


def _read(what: str, endpoint: str, source: str, replica: str) -> None:
    """What a child process does: reads both tables, prints seconds and peak memory in MB."""
    import boto3

    session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="test", region_name="us-east-1")
    tables = [Table(RawDynamoDB(session, "us-east-1", endpoint_url=endpoint), name) for name in (source, replica)]
    client = session.client("dynamodb", endpoint_url=endpoint)
    began = time.monotonic()
    if what == "verify":
        report = verify(*tables, Patience(settle_s=0), RateLimit(None))  # type: ignore[misc]
        if not report.equal:
            raise RuntimeError(f"the tables are not equal: {report}")
    else:
        for table in tables:
            for page in _pages(client, table.name):
                len(page["Items"])
    print(json.dumps([time.monotonic() - began, _peak_mb()]))


def _peak_mb() -> float:
    """This process's peak memory. getrusage would count that of the parent at the time of the fork as well."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def _pair(bench: Bench) -> tuple[Table, Table]:
    """A source with a stream, and a table for its replica."""
    clients = bench.clients(ACCOUNT)
    raw = RawDynamoDB(clients.session, clients.region, endpoint_url=bench.endpoint)
    views: tuple[Mapping[str, str], ...] = ({"view": "NEW_IMAGE"}, {})
    source, replica = (bench.make.table(ACCOUNT, keys="PK", **view)["TableName"] for view in views)
    return Table(raw, source), Table(raw, replica)


def _replicate(
    bench: Bench,
    source: Table,
    replica: Table,
    code: str | Mapping[str, bytes],
    entry: str,
    environment: Mapping[str, str] | None = None,
    batch_size: int = BATCH_SIZE,
) -> float:
    """Make function and mapping; when the mapping was asked for."""
    function = bench.make.function(
        ACCOUNT,
        code,
        statements=[statement("dynamodb:*")],
        environment={"REPLICA_TABLE": replica.name, **(environment or {})},
        timeout=60,
        Handler=entry,
    )
    stream_arn = source.description["LatestStreamArn"]
    began = time.monotonic()
    bench.clients(ACCOUNT).lambda_.create_event_source_mapping(
        FunctionName=function.arn, EventSourceArn=stream_arn, StartingPosition="TRIM_HORIZON", BatchSize=batch_size
    )
    return began


def _files() -> dict[str, bytes]:
    return {
        path.relative_to(PROJECT).as_posix(): path.read_bytes() for pattern in OURS for path in PROJECT.glob(pattern)
    }


def _csv(rows: int) -> str:
    file = io.StringIO()
    logfile.write(file, logfile.generate(rows, seed=1))
    return file.getvalue()


def _batches(rows: int) -> Iterator[list[Item]]:
    items = [logfile.item_of(row) for row in logfile.generate(rows, seed=1)]
    return (items[start : start + 25] for start in range(0, rows, 25))


if __name__ == "__main__":
    _read(*sys.argv[1:])
