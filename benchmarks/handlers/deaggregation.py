"""Our de-aggregation against aws_kinesis_agg: from Kinesis records, as Lambda passes them, to the users' records."""

from __future__ import annotations

import base64
import time
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from typing import Any

from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import iter_deaggregate_records

from benchmarks.handlers.alone import show
from benchmarks.results import Result
from handlers.shared.kpl import is_aggregate, take_apart

RECORDS = 10_000
RECORDS_PER_AGGREGATE = 100
ROUNDS = 15


def run() -> Iterator[Result]:
    """One result for each size of the users' records."""
    for size_bytes in (200, 1000):
        event = _event(size_bytes)
        theirs, ours = _by_the_library(event), _by_us(event)
        if theirs != ours:
            raise AssertionError("the two do not agree on what the records are")
        yield Result(
            f"de-aggregation of {size_bytes}-byte records",
            "aws_kinesis_agg",
            "ours",
            baseline=_microseconds_per_record(_by_the_library, event),
            ours=_microseconds_per_record(_by_us, event),
            at_least=1.5,
            unit="µs",
        )


def _by_the_library(event: list[dict[str, Any]]) -> list[bytes]:
    return [base64.b64decode(record["kinesis"]["data"]) for record in iter_deaggregate_records(event)]


def _by_us(event: list[dict[str, Any]]) -> list[bytes]:
    found: list[bytes] = []
    for record in event:
        data = a2b_base64(record["kinesis"]["data"])
        found += take_apart(data).payloads if is_aggregate(data) else [data]
    return found


def _microseconds_per_record(unpack: Callable[[list[dict[str, Any]]], list[bytes]], event: Any) -> float:
    """The least processor time of several rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        unpack(event)
        times.append(time.process_time() - began)
    return min(times) / RECORDS * 1e6


def _event(size_bytes: int) -> list[dict[str, Any]]:
    return [_aggregate(number, size_bytes) for number in range(RECORDS // RECORDS_PER_AGGREGATE)]


def _aggregate(number: int, size_bytes: int) -> dict[str, Any]:
    aggregator = RecordAggregator()
    for index in range(RECORDS_PER_AGGREGATE):
        aggregator.add_user_record(f"user{index}@example.com", bytes([index]) * size_bytes)
    partition_key, _, data = aggregator.clear_and_get().get_contents()
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": f"{number:056}",
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1_795_000_000.0,
        },
        "eventID": f"shardId-000000000000:{number:056}",
    }


if __name__ == "__main__":
    raise SystemExit(show(run(), "handlers-deaggregation"))
