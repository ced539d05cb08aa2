"""What a function's processor does for a record, against parsing and writing the same record's JSON and nothing else.

On 128 MB a function has a fourteenth of a processor, so that this is what its users wait and pay for.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from benchmarks.handlers.alone import show
from benchmarks.handlers.workload import Context, answering_aws, document, kinesis_event, table_event
from benchmarks.results import Result

RECORDS = 3_000
BATCH_SIZE = 300
ROUNDS = 9
AT_MOST = 2.5
POISON_LIMIT_MS = 10.0


def run() -> Iterator[Result]:
    """Each function's time against its bound, which is its floor times 2.5; and what a poison record adds."""
    documents = [json.dumps(document(number)) for number in range(RECORDS)]
    changes = table_event(RECORDS)["Records"]
    images = [json.dumps(change["dynamodb"]["NewImage"]) for change in changes]
    with answering_aws(), redirect_stdout(StringIO()):
        measured = {
            "copier": (_floor(documents), _handled("cross_account_copier", kinesis_event(RECORDS)["Records"])),
            "forwarder": (_floor(images), _handled("firehose_forwarder", changes)),
            "replicator": (_floor(images), _handled("table_replicator", changes)),
        }
        added_ms = _poison_ms()
    for function, (floor, ours) in measured.items():
        name = f"{function}'s processor time a record, floor {floor:.1f} µs"
        yield Result(name, "2.5 floors", "ours", floor * AT_MOST, ours, 1, "µs")
    yield Result("a poison record in a batch of 300 adds", "limit", "ours", POISON_LIMIT_MS, added_ms, 1, "ms")


def _floor(texts: Sequence[str]) -> float:
    return _microseconds(lambda: [json.dumps(json.loads(text)) for text in texts])


def _handled(function: str, records: Sequence[Any]) -> float:
    handler = importlib.import_module(f"handlers.{function}.main").handler

    def batches() -> None:
        for start in range(0, RECORDS, BATCH_SIZE):
            assert handler({"Records": records[start : start + BATCH_SIZE]}, Context()) == {"batchItemFailures": []}

    batches()
    return _microseconds(batches)


def _microseconds(work: Callable[[], object]) -> float:
    """The least processor time of several rounds, for a record."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times) / RECORDS * 1e6


def _poison_ms() -> float:
    """How much longer a batch of 300 takes when one of its records is no JSON: the least of several rounds of each."""
    handler = importlib.import_module("handlers.cross_account_copier.main").handler
    sound = kinesis_event(BATCH_SIZE)["Records"]
    poison = {**sound[150], "kinesis": {**sound[150]["kinesis"], "data": "bm90IGpzb24="}}
    spoilt = [*sound[:150], poison, *sound[151:]]
    times: dict[int, list[float]] = {0: [], 1: []}
    for _ in range(ROUNDS):
        for which, records in enumerate((sound, spoilt)):
            began = time.perf_counter()
            handler({"Records": records}, Context())
            times[which].append(time.perf_counter() - began)
    return max(0.0, min(times[1]) - min(times[0])) * 1000


if __name__ == "__main__":
    raise SystemExit(show(run(), "handlers-processor"))
