"""What a process of its own does with the replica's tables, to be measured alone: fills one, or reads both.

`python -m benchmarks.replica_tasks fill ENDPOINT TABLE FIRST LAST`, `scan ENDPOINT SOURCE REPLICA` or `verify …` prints
seconds and peak memory in MB as JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import boto3

from benchmarks.memory import peak_mb
from benchmarks.replica_items import ACCOUNT, batches
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.raw import RawDynamoDB
from operations.instruments.tables import Table
from operations.instruments.verifying import verify
from operations.table_replica.loading import put_batch

REGION = "us-east-1"
# There is a process for each table, which waits for the emulator most of the time.
FILL_THREADS = 2
# What is held at once.
FILL_BATCHES = 200


def fill(session: boto3.Session, endpoint: str, name: str, first: str, last: str) -> None:
    """Put the generated rows from `first` on."""
    table = _table(session, endpoint, name)
    waiting = batches(int(last), int(first))
    with ThreadPoolExecutor(FILL_THREADS) as threads:
        while some := list(islice(waiting, FILL_BATCHES)):
            list(threads.map(lambda batch: put_batch(table, batch), some))


def scan(session: boto3.Session, endpoint: str, source: str, replica: str) -> None:
    """Read both tables as boto3 does by default, one page after the other."""
    client = session.client("dynamodb", endpoint_url=endpoint)
    for name in (source, replica):
        for page in client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True):
            len(page["Items"])


def compare(session: boto3.Session, endpoint: str, source: str, replica: str) -> None:
    """Verify that the tables are equal. Raises RuntimeError when they are not."""
    tables = (_table(session, endpoint, name) for name in (source, replica))
    report = verify(next(tables), next(tables), Patience(settle_s=0), RateLimit(None))
    if not report.equal:
        raise RuntimeError(f"the tables are not equal: {report}")


def _table(session: boto3.Session, endpoint: str, name: str) -> Table:
    return Table(RawDynamoDB(session, REGION, endpoint_url=endpoint), name)


TASKS: dict[str, Callable[..., None]] = {"fill": fill, "scan": scan, "verify": compare}


def main(task: str, endpoint: str, *arguments: str) -> None:
    """Do the task and print what it took."""
    session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="test", region_name=REGION)
    began = time.monotonic()
    TASKS[task](session, endpoint, *arguments)
    print(json.dumps([time.monotonic() - began, peak_mb()]))


if __name__ == "__main__":
    main(*sys.argv[1:])
