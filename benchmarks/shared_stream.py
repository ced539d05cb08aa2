"""The shared stream: put to log line through a consumer and on shared throughput; more shards; a no-op handler.

All functions are in an account of their own and read the stream of another. The time of a log line is CloudWatch's
ingestion of it.
"""

import json
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from benchmarks.cloud import Bench, benchmark_cloud, seconds_until
from benchmarks.results import Result
from integration_tests.support.addressing import statement
from integration_tests.support.factories import Function
from integration_tests.support.function_code import packaged_files
from operations.cross_account_copy.sending import Record, send

OWNER, SUBSCRIBER = "111111111111", "222222222222"
PUTS = 100
RECORDS = 10_000
LOGGER = "stream_logger"
NO_OP = "def handler(event, context):\n    return {'batchItemFailures': []}\n"


def run() -> Iterator[Result]:
    """Latency percentiles, throughput by shards, and what the handler adds."""
    for subscribers in (1, 5):
        with benchmark_cloud() as bench:
            shared = _latencies(bench, subscribers, consumers=False)
            consumed = _latencies(bench, subscribers, consumers=True)
        for percent in (50, 90, 99):
            yield Result(
                f"put to log line, {subscribers} subscribers, p{percent}",
                "shared throughput",
                "consumer",
                statistics.quantiles(shared, n=100)[percent - 1],
                statistics.quantiles(consumed, n=100)[percent - 1],
                None,
                "s",
            )
    with benchmark_cloud() as bench:
        one_shard = _drained(bench, 1, logs=True)
        for shards in (2, 4, 8, 16):
            name = f"{RECORDS} records over {shards} shards"
            yield Result(name, "1 shard", f"{shards} shards", one_shard, _drained(bench, shards, logs=True), None, "s")
        no_op = min(_drained(bench, 4, logs=False) for _ in range(3))
        logger = min(_drained(bench, 4, logs=True) for _ in range(3))
    yield Result("logging handler", "no-op handler", "ours", no_op, logger, 1 / 1.15, "s")


def _function(bench: Bench, *, logs: bool) -> Function:
    reads = [statement(["kinesis:*", "logs:*"])]
    if logs:
        return bench.make.function(
            SUBSCRIBER, packaged_files(LOGGER), statements=reads, Handler=f"handlers.{LOGGER}.main.handler"
        )
    return bench.make.function(SUBSCRIBER, NO_OP, statements=reads)


def _shared_stream(bench: Bench, shards: int) -> str:
    """A stream that the subscriber's account may read; its ARN."""
    stream_arn = bench.make.stream(OWNER, shards=shards)
    _let_in(bench, stream_arn)
    return stream_arn


def _let_in(bench: Bench, resource_arn: str) -> None:
    actions = ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"]
    if "/consumer/" in resource_arn:
        actions = ["DescribeStreamConsumer", "SubscribeToShard"]
    allowed = statement([f"kinesis:{action}" for action in actions], resource_arn, Principal={"AWS": SUBSCRIBER})
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    bench.clients(OWNER).kinesis.put_resource_policy(ResourceARN=resource_arn, Policy=policy)


def _subscribe(bench: Bench, function: Function, source_arn: str) -> str:
    """Map a stream or consumer to a function; the mapping's id."""
    lambda_ = bench.clients(SUBSCRIBER).lambda_
    mapping_id: str = lambda_.create_event_source_mapping(
        FunctionName=function.arn,
        EventSourceArn=source_arn,
        StartingPosition="TRIM_HORIZON",
        BatchSize=100,
        MetricsConfig={"Metrics": ["EventCount"]},
    )["UUID"]
    seconds_until(lambda: lambda_.get_event_source_mapping(UUID=mapping_id)["State"] == "Enabled")
    return mapping_id


def _latencies(bench: Bench, subscribers: int, *, consumers: bool) -> list[float]:
    """Seconds from each put to the first subscriber's log line of it, with so many subscribers reading."""
    stream_arn = _shared_stream(bench, shards=1)
    owner, functions = bench.clients(OWNER), []
    for number in range(subscribers):
        source_arn = stream_arn
        if consumers:
            name = f"consumer-{number}"
            answer = owner.kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName=name)
            source_arn = answer["Consumer"]["ConsumerARN"]
            seconds_until(lambda arn=source_arn: _status(bench, arn) == "ACTIVE")  # type: ignore[misc]  # bound now
            _let_in(bench, source_arn)
        functions.append(_function(bench, logs=True))
        functions[-1].invoke({"Records": []})
        _subscribe(bench, functions[-1], source_arn)
    put_at: dict[str, float] = {}
    for number in range(PUTS):
        began = time.time()
        answer = owner.kinesis.put_record(StreamARN=stream_arn, Data=b"x", PartitionKey=str(number))
        put_at[answer["SequenceNumber"]] = began
        seconds_until(lambda: len(_lines(bench, functions[0])) == len(put_at))
    arrived = _lines(bench, functions[0])
    # Logs keep whole milliseconds: a line of the same millisecond counts as half of one.
    return [max(0.0005, arrived[number] - began) for number, began in put_at.items()]


def _status(bench: Bench, consumer_arn: str) -> str:
    answer = bench.clients(OWNER).kinesis.describe_stream_consumer(ConsumerARN=consumer_arn)
    return str(answer["ConsumerDescription"]["ConsumerStatus"])


def _lines(bench: Bench, function: Function) -> dict[str, float]:
    """The log lines of a function: sequence number → when it was logged, in seconds since 1970."""
    logs = bench.clients(SUBSCRIBER).logs
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function.name}")
    events = [event for page in pages for event in page["events"] if event["message"].startswith('{"shardId"')]
    return {json.loads(event["message"])["sequenceNumber"]: event["timestamp"] / 1000 for event in events}


def _drained(bench: Bench, shards: int, *, logs: bool) -> float:
    """Seconds until a function has got a stream's records, all of which were there before it."""
    stream_arn = _shared_stream(bench, shards)
    records = [Record(f"key-{number}", b"x" * 100) for number in range(RECORDS)]
    send(bench.clients(OWNER).kinesis, stream_arn.split("/")[-1], records)
    function = _function(bench, logs=logs)
    function.invoke({"Records": []})  # the first start of a sandbox is not what is measured
    began = time.monotonic()
    mapping_id = _subscribe(bench, function, stream_arn)
    seconds_until(lambda: _received(bench, mapping_id) >= RECORDS)
    return time.monotonic() - began


def _received(bench: Bench, mapping_id: str) -> float:
    """How many records a mapping has handed to its function, by its own metric."""
    now = datetime.now(UTC)
    answer = bench.clients(SUBSCRIBER).cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="InvokedEventCount",
        Dimensions=[{"Name": "EventSourceMappingUUID", "Value": mapping_id}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in answer["Datapoints"])
