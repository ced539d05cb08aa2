"""The copier against the published handler and against a bare client, where only the client's own work counts.

AWS answers in this process: at once, or 5 ms after the call. What an emulator or AWS adds is measured elsewhere.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import boto3
from boto3.dynamodb.types import TypeSerializer

from benchmarks.handlers.alone import show
from benchmarks.handlers.seed_copier import lambda_handler
from benchmarks.handlers.workload import ENVIRONMENT, Context, answering_aws, document, kinesis_event
from benchmarks.results import Result

RECORDS = 3_000
BATCH_SIZE = 300
LATENCY_S = 0.005
THREADS = 4


def run() -> Iterator[Result]:
    """The copier's ratios."""
    event = kinesis_event(RECORDS)
    for latency_s, at_least in ((LATENCY_S, 20), (0.0, 4)):
        with answering_aws(latency_s), redirect_stdout(StringIO()):
            ours_s, published_s = _seconds(_ours(), event), _seconds(lambda_handler, event)
        name = f"copier's own time, {latency_s * 1000:g} ms latency"
        yield Result(name, "published handler", "ours", published_s, ours_s, at_least, "s")
    with answering_aws(), redirect_stdout(StringIO()):
        ours_s, bare_s = _seconds(_ours(), event), _bare()
    yield Result("copier's own time", "bare client", "ours", bare_s, ours_s, 0.7, "s")


def _ours() -> Callable[[dict[str, Any], Any], object]:
    handler: Callable[[dict[str, Any], Any], object] = importlib.import_module(
        "handlers.cross_account_copier.main"
    ).handler
    handler({"Records": []}, Context())
    return handler


def _seconds(handler: Callable[[dict[str, Any], Any], object], event: dict[str, Any]) -> float:
    """The time for all records, in batches as the event source mapping makes them."""
    records = event["Records"]
    began = time.perf_counter()
    for start in range(0, RECORDS, BATCH_SIZE):
        handler({"Records": records[start : start + BATCH_SIZE]}, Context())
    return time.perf_counter() - began


def _bare() -> float:
    """The time that BatchWriteItem takes from four threads for the same items, serialised beforehand."""
    client, serialize, table = boto3.client("dynamodb"), TypeSerializer().serialize, ENVIRONMENT["TABLE_NAME"]
    requests = [
        {"PutRequest": {"Item": serialize({**document(number), "amount": str(number / 8)})["M"]}}
        for number in range(RECORDS)
    ]
    batches = [requests[start : start + 25] for start in range(0, RECORDS, 25)]
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(lambda batch: client.batch_write_item(RequestItems={table: batch}), batches):
            pass
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(show(run(), "handlers-rate"))
