"""The table replica against the workshop's own way and against a bare client, on one local cloud, with the same rows.

The workshop loads one PutItem a row and replicates one PutItem a record, and looks at the replica with a scan.
"""

import csv
import io
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks import replica_growth
from benchmarks.cloud import Bench, benchmark_cloud, seconds_until
from benchmarks.replica_items import ACCOUNT, batches
from benchmarks.results import Result
from integration_tests.support.addressing import credentials_of, statement
from integration_tests.support.function_code import packaged_files
from operations.cross_account_copy.observing import item_count
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item, RawDynamoDB
from operations.instruments.tables import Table
from operations.instruments.verifying import verify
from operations.table_replica import logfile
from operations.table_replica.loading import load, put_batch

ROWS = 2_000
RATE_ROWS = 30_000
GOAL_S = 4.0
BARE_THREADS = 4
BATCH_SIZE = 100
OURS = "table_replicator"
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

        bare = min(_bare(bench, raw=False), _bare(bench, raw=False))
        plain = min(_replicated(bench, guarded=False), _replicated(bench, guarded=False))
        yield Result("replication's rate", "bare client", "ours", bare, plain, at_least=0.7, unit="s")
        raw = min(_bare(bench, raw=True), _bare(bench, raw=True))
        yield Result("replication's rate", "our raw client alone", "ours", raw, plain, at_least=None, unit="s")
        guarded = _replicated(bench, guarded=True)
        yield Result("what the guard costs", "guarded", "not guarded", guarded, plain, at_least=1, unit="s")

    with benchmark_cloud() as bench:
        yield from replica_growth.run(bench)


def _exercise(bench: Bench) -> float:
    """Seconds for loading, replicating and verifying, by our commands."""
    source, replica = _pair(bench)
    _replicate(bench, source, replica, packaged_files(OURS), "handlers.table_replicator.main.handler")
    began = time.monotonic()
    load(source, logfile.read(io.StringIO(_csv(ROWS)), source), stop=True)
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
    for row in csv.DictReader(io.StringIO(_csv(ROWS))):
        dynamodb.put_item(TableName=source.name, Item=logfile.item_of(row))
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


def _bare(bench: Bench, *, raw: bool) -> float:
    """Seconds that BatchWriteItem takes from four threads, with a role as the function has one.

    The items are there in DynamoDB's JSON; boto3 sends them, or with `raw` our client that does not look into them.
    """
    clients = bench.clients(ACCOUNT)
    role_arn = bench.make.role(ACCOUNT, [statement("dynamodb:*")], trusts={"AWS": ACCOUNT})
    credentials = clients.sts.assume_role(RoleArn=role_arn, RoleSessionName="bare")["Credentials"]
    session = credentials_of(clients.session, clients.region, credentials)
    replica = Table(RawDynamoDB(session, clients.region, endpoint_url=bench.endpoint), _pair(bench)[1].name)
    dynamodb: Any = session.client("dynamodb", endpoint_url=bench.endpoint)

    def put(batch: list[Item]) -> None:
        if raw:
            put_batch(replica, batch)
            return
        answer = dynamodb.batch_write_item(
            RequestItems={replica.name: [{"PutRequest": {"Item": item}} for item in batch]}
        )
        if answer["UnprocessedItems"]:
            raise RuntimeError("the emulator throttled a bare client")

    waiting = list(batches(RATE_ROWS))
    began = time.monotonic()
    with ThreadPoolExecutor(BARE_THREADS) as threads:
        list(threads.map(put, waiting))
    return time.monotonic() - began


def _replicated(bench: Bench, *, guarded: bool) -> float:
    """Seconds from the mapping's creation until a stream that was there is in the replica."""
    source, replica = _pair(bench)
    with ThreadPoolExecutor(BARE_THREADS) as threads:
        list(threads.map(lambda batch: put_batch(source, batch), batches(RATE_ROWS)))
    positions = bench.make.table(ACCOUNT, keys="PK")["TableName"] if guarded else ""
    began = _replicate(
        bench,
        source,
        replica,
        packaged_files(OURS),
        "handlers.table_replicator.main.handler",
        {"POSITIONS_TABLE": positions} if guarded else {},
        batch_size=1_000,
    )
    dynamodb = bench.clients(ACCOUNT).dynamodb
    seconds_until(lambda: item_count(dynamodb, replica.name) == RATE_ROWS)
    return time.monotonic() - began


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
        environment={"REPLICA_TABLE": replica.name, "FAILURE_BUCKET": "not-used", **(environment or {})},
        timeout=60,
        Handler=entry,
    )
    stream_arn = source.description["LatestStreamArn"]
    began = time.monotonic()
    bench.clients(ACCOUNT).lambda_.create_event_source_mapping(
        FunctionName=function.arn, EventSourceArn=stream_arn, StartingPosition="TRIM_HORIZON", BatchSize=batch_size
    )
    return began


def _csv(rows: int) -> str:
    file = io.StringIO()
    logfile.write(file, logfile.generate(rows, seed=1))
    return file.getvalue()
