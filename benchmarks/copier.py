"""The copier against the published handler and against a bare client, on one local cloud, with the same records.

Each handler gets a table and a function of its own; the time runs from the creation of its mapping until the last
item is in the table.
"""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from boto3.dynamodb.types import TypeSerializer

from benchmarks.cloud import Bench, benchmark_cloud, seconds_until
from benchmarks.results import Result
from integration_tests.support.addressing import statement
from integration_tests.support.function_code import packaged_files
from localcloud.faults import Faults
from operations.cross_account_copy.expecting import expected_item
from operations.cross_account_copy.observing import item_count
from operations.cross_account_copy.sending import Record, Sent, send

RECORDS = 10_000
LATENCY_S = 0.005
BATCH_SIZE = 300
TIMEOUT_S = 120
MEMORY_MB = 128
BARE_THREADS = 4
SOURCE, TARGET = "111111111111", "999999999999"
PUBLISHED = Path(__file__).parent / "handlers" / "seed_copier.py"


def run() -> Iterator[Result]:
    """The three ratios of the copier."""
    with benchmark_cloud() as bench:
        stream_arn = bench.make.stream(SOURCE, shards=1)
        sent = send(bench.clients(SOURCE).kinesis, stream_arn.split("/")[-1], _records())
        role_arn = bench.make.role(TARGET, [statement("dynamodb:*")], trusts={"AWS": SOURCE})

        def copied(handler: str) -> float:
            return _copied(bench, handler, stream_arn, role_arn)

        copied("ours")  # the emulator's first use of each service is not what is measured
        with Faults(bench.endpoint).latency(LATENCY_S):
            ours, published = copied("ours"), copied("published")
        yield Result("copier, 5 ms latency", "published handler", "ours", published, ours, at_least=20, unit="s")

        ours, published = min(copied("ours"), copied("ours")), copied("published")
        yield Result("copier, no latency", "published handler", "ours", published, ours, at_least=4, unit="s")

        bare = min(_bare(bench, sent), _bare(bench, sent))
        yield Result("copier's rate", "bare client", "ours", bare, ours, at_least=0.7, unit="s")


def _records() -> list[Record]:
    """Web events of about 400 bytes."""
    return [Record(f"user{number % 500}@example.com", json.dumps(_event(number)).encode()) for number in range(RECORDS)]


def _event(number: int) -> dict[str, object]:
    return {
        "event": "page view",
        "useremail_": f"user{number % 500}@example.com",
        "nanotimestamp_": f"{1_480_000_000_000_000_000 + number}",
        "amount": number / 8,
        "page": f"/fundraising/page-{number}",
        "browser": {"name": "Firefox", "version": 50, "languages": ["en", "fr"]},
        "text": "x" * 120,
    }


def _copied(bench: Bench, handler: str, stream_arn: str, role_arn: str) -> float:
    """Seconds until the whole stream is in a fresh table, by one of the handlers."""
    table = bench.make.table(TARGET, keys="seqNumbershardIdHash sequenceNumber")["TableName"]
    files, entry = _code(handler)
    function = bench.make.function(
        SOURCE,
        files,
        statements=[statement(["kinesis:*", "sts:AssumeRole"])],
        environment={
            "ROLE_ARN": role_arn,
            "TABLE_NAME": table,
            "TARGET_REGION": bench.clients(TARGET).region,
            "FAILURE_BUCKET": "not-used",
        },
        timeout=TIMEOUT_S,
        memory=MEMORY_MB,
        Handler=entry,
    )
    lambda_, dynamodb = bench.clients(SOURCE).lambda_, bench.clients(TARGET).dynamodb
    mapping = lambda_.create_event_source_mapping(
        FunctionName=function.arn, EventSourceArn=stream_arn, StartingPosition="TRIM_HORIZON", BatchSize=BATCH_SIZE
    )
    try:
        return seconds_until(lambda: item_count(dynamodb, table) == RECORDS)
    finally:
        lambda_.delete_event_source_mapping(UUID=mapping["UUID"])


def _code(handler: str) -> tuple[Mapping[str, bytes], str]:
    """A handler's files and its entry point."""
    if handler == "published":
        return {PUBLISHED.name: PUBLISHED.read_bytes()}, f"{PUBLISHED.stem}.lambda_handler"
    return packaged_files("cross_account_copier"), "handlers.cross_account_copier.main.handler"


def _bare(bench: Bench, sent: list[Sent]) -> float:
    """Seconds that BatchWriteItem takes from four threads for the same items, serialised beforehand."""
    table = bench.make.table(TARGET, keys="seqNumbershardIdHash sequenceNumber")["TableName"]
    dynamodb, serialize = bench.clients(TARGET).dynamodb, TypeSerializer().serialize
    requests = [
        {"PutRequest": {"Item": {name: serialize(value) for name, value in expected_item(one).items()}}} for one in sent
    ]
    batches = [requests[start : start + 25] for start in range(0, len(requests), 25)]
    began = time.monotonic()
    with ThreadPoolExecutor(BARE_THREADS) as threads:
        answers = threads.map(lambda batch: dynamodb.batch_write_item(RequestItems={table: batch}), batches)
        if any(answer["UnprocessedItems"] for answer in answers):
            raise RuntimeError("the emulator throttled a bare client")
    return time.monotonic() - began
