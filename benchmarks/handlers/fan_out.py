"""The fan-out platform: nine targets beside the slowest alone, one of them stalled, calls, costs, size and start.

Prices are those of operations.prices.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator

from benchmarks.handlers import fan_out_original
from benchmarks.handlers.alone import show
from benchmarks.handlers.fan_out_targets import (
    PATIENCE_S,
    SOURCE,
    TARGETS,
    Services,
    batches,
    numbered_anew,
    platform,
    routes,
    serve,
)
from benchmarks.handlers.new_sandbox import import_ms, limit, zipped
from benchmarks.results import Result
from components.code import packaged_code
from components.fan_out.platform import LIBRARIES
from handlers.fan_out.draining import drain
from handlers.shared.time_budget import TimeBudget
from operations import prices

STALL_S = 60.0
ROUNDS = 10
ZIP_LIMIT_KB, IMPORT_LIMIT_MS = 1500, 60
# Calls that aws-lambda-fanout makes for 1,000 records in events of 100 as its documentation has it: a call for each
# record without collapse, one for each block with it (JSON).
# https://github.com/aws-samples/aws-lambda-fanout
ORIGINALS = {
    "none": {"sns": 1000, "sqs": 1000, "iot": 1000, "kinesis": 10, "firehose": 10, "es": 10, "lambda": 10},
    "JSON": {"sns": 10, "sqs": 10, "iot": 10, "kinesis": 10, "firehose": 10, "es": 10, "lambda": 10},
}
# Of those that are paid by the call.
CALL_PRICES = {"sns": prices.SNS_PUBLISH, "sqs": prices.SQS_REQUEST, "lambda": prices.LAMBDA_REQUEST}
FUNCTION_GB, BATCH, MILLION = 0.5, 100, 1_000_000

_IMPORT = """
import time
import boto3
began = time.process_time()
import handlers.fan_out.source
from handlers.fan_out.mapping import target_of
from handlers.fan_out.rows import item_of, row_of
target_of(row_of(item_of({"sourceArn": "arn:aws:kinesis:eu-west-1:111111111111:stream/a", "id": "a", "type": "sqs",
    "destination": "https://sqs.eu-west-1.amazonaws.com/111111111111/queue", "active": True})))
print((time.process_time() - began) * 1000)
"""


def run() -> Iterator[Result]:
    """Each measure in turn."""
    services = Services()
    with services.answering():
        alone_s = {name: _seconds([name]) for name in TARGETS}
        slowest = max(alone_s, key=lambda name: alone_s[name])
        together_s = _seconds(list(TARGETS))
        yield Result("nine targets, 1,000 records", f"{slowest} alone", "all", alone_s[slowest], together_s, 0.6, "s")
        yield from _processor_time()
        yield from _stalled(services)
        yield from _calls(services)
    yield from _lanes_beside_others(together_s, alone_s)
    content = zipped(packaged_code("fan_out", libraries=LIBRARIES))
    yield limit("zip of the fan-out functions", ZIP_LIMIT_KB, len(content) / 1000, "kB")
    title = "import of the source function with an SQS target beyond boto3"
    yield limit(title, IMPORT_LIMIT_MS, import_ms(content, _IMPORT), "ms")


def _seconds(names: list[str]) -> float:
    """The time for 1,000 records, in batches of 100, after one that opens connections."""
    on, to = platform(), routes(names)
    first, *others = batches(ROUNDS + 1, BATCH)
    serve(on, to, first)
    began = time.perf_counter()
    for records in others:
        assert all(one.delivered == BATCH for one in serve(on, to, records))
    return time.perf_counter() - began


def _processor_time() -> Iterator[Result]:
    stream_us = _each_us(["kinesis"])
    for names, what in ((["sqs"], "a queue"), (list(TARGETS), "nine targets")):
        title = "processor time per record and target"
        yield Result(title, "a stream, which takes batches", what, stream_us, _each_us(names), None, "µs")
    for kind in fan_out_original.KINDS:
        theirs_us = fan_out_original.microseconds(kind, batches(ROUNDS + 1, BATCH))
        if theirs_us is not None:
            title = f"processor time per record to a target of type {kind}"
            yield Result(title, "the original's way on Node", "ours", theirs_us, _each_us([kind]), None, "µs")


def _each_us(names: list[str]) -> float:
    on, to = platform(), routes(names)
    first, *others = batches(ROUNDS + 1, BATCH)
    serve(on, to, first)
    began = time.process_time()
    for records in others:
        serve(on, to, records)
    return (time.process_time() - began) / len(others) / BATCH / len(names) * 1e6


def _stalled(services: Services) -> Iterator[Result]:
    """Two platforms in turn, so that both have the same disturbances; one of them has a queue that stalls."""
    names = ["kinesis", "firehose", "sns", "lambda", "es"]
    well, ill = platform(), platform()
    to_well, to_ill = routes(names), routes([*names, "sqs"])
    first = batches(1, BATCH)[0]
    serve(well, to_well, first)
    serve(ill, to_ill, first)
    before = services.messages.copy()
    services.stalled = {"sqs"}
    began = time.monotonic()
    serve(ill, to_ill, first)
    first_s = time.monotonic() - began
    sent, well_s, ill_s = 1, list[float](), list[float]()
    drains = threading.Thread(target=_drains, args=(ill, to_ill[-1], began + STALL_S, services))
    drains.start()
    while time.monotonic() < began + STALL_S:
        records = numbered_anew(first, sent)
        for on, to, took_s in ((well, to_well, well_s), (ill, to_ill, ill_s)):
            start = time.perf_counter()
            serve(on, to, records)
            took_s.append(time.perf_counter() - start)
        sent += 1
    drains.join()
    serve(ill, to_ill, numbered_anew(first, sent))
    for name in names:
        assert services.messages[name] - before[name] == (2 * sent) * BATCH, f"{name} got something twice"
    assert services.messages["sqs"] - before["sqs"] == (sent + 1) * BATCH, "the queue did not get everything once"
    p99 = [statistics.quantiles(times, n=100)[98] for times in (well_s, ill_s)]
    yield Result("p99 of a batch while a queue stalls for 60 s", "without it", "with it", p99[0], p99[1], 1 / 1.1, "s")
    yield Result("the first batch that finds it stalled", "patience", "ours", PATIENCE_S, first_s, None, "s")


def _drains(on: object, route: object, until_s: float, services: Services) -> None:
    """A sweep every ten seconds; after the stall one that empties the backlog."""
    while time.monotonic() < until_s:
        time.sleep(10)
        budget = TimeBudget(lambda: 60_000)
        if time.monotonic() < until_s:
            drain(SOURCE, "sqs", None, lambda: route, on, budget)  # type: ignore[arg-type, return-value]
    services.stalled = set()
    while drain(SOURCE, "sqs", None, lambda: route, on, TimeBudget(lambda: 60_000)).delivered:  # type: ignore[arg-type, return-value]
        pass


def _calls(services: Services) -> Iterator[Result]:
    for collapse, originals in ORIGINALS.items():
        for name, theirs in originals.items():
            on, to = platform(), routes([name], collapse=collapse)
            before = services.calls[name]
            for records in batches(10, BATCH):
                serve(on, to, records)
            ours = services.calls[name] - before
            what = f"{name}, collapse {collapse}"
            yield Result(f"calls per 1,000 records: {what}", "the original", "ours", theirs, ours, None, "calls")
            if name in CALL_PRICES:
                dollars = [calls * CALL_PRICES[name] * MILLION / 1000 for calls in (theirs, ours)]
                title = f"cost of the calls per million records: {what}"
                yield Result(title, "the original", "ours", dollars[0], dollars[1], None, "$")


def _lanes_beside_others(together_s: float, alone_s: dict[str, float]) -> Iterator[Result]:
    """What a million records to nine targets cost beside what the targets themselves take."""
    invocations = MILLION / BATCH
    lanes = _functions(invocations, together_s / ROUNDS) + invocations * prices.DYNAMODB_READ_UNIT
    mappings = sum(_functions(invocations, seconds / ROUNDS) for seconds in alone_s.values())
    # One batch of ten is sent, received and deleted; its function takes 100 messages at a time.
    queues = len(TARGETS) * MILLION / 10 * 3 * prices.SQS_REQUEST + mappings
    # An object, a transaction of two items, a removal; a read of the object, of the lane and of its entries.
    each = prices.S3_PUT + prices.S3_GET + 5 * prices.DYNAMODB_WRITE_UNIT + 2 * prices.DYNAMODB_READ_UNIT
    behind = invocations * each
    title = "cost per million records to nine targets"
    yield Result(title, "a mapping per target", "lanes", mappings, lanes, None, "$")
    yield Result(title, "a queue per target", "lanes", queues, lanes, None, "$")
    title = "cost per million records of a target that is behind, its functions apart"
    yield Result(title, "lanes to nine, direct", "its backlog", lanes, behind, None, "$")


def _functions(invocations: float, seconds: float) -> float:
    return invocations * (seconds * FUNCTION_GB * prices.LAMBDA_GB_SECOND + prices.LAMBDA_REQUEST)


if __name__ == "__main__":
    raise SystemExit(show(run(), "handlers-fan-out"))
