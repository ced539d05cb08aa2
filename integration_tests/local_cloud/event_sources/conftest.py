"""A recording function, mappings to it, and what it received."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from integration_tests.support.addressing import statement
from integration_tests.support.factories import Function

RECORDER = (Path(__file__).parent / "recorder.py").read_text()
READ_STREAMS = [
    statement(["kinesis:Describe*", "kinesis:List*", "kinesis:Get*", "kinesis:SubscribeToShard"]),
    statement(["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]),
    statement(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]),
    statement(["sqs:SendMessage", "sns:Publish", "s3:PutObject", "s3:ListBucket"]),
]


@pytest.fixture
def recorder(function: Callable[..., Function]) -> Callable[..., Function]:
    """`recorder(account_id)` is a function that records its batches;
    its role may read every stream unless `statements` say less.
    """

    def made(account_id: str, **options: Any) -> Function:
        return function(account_id, RECORDER, **{"statements": READ_STREAMS, **options})

    return made


@pytest.fixture
def mapping(clients, cleanup, eventually) -> Callable[..., dict[str, Any]]:
    """`mapping(function, source_arn, BatchSize=…)` is an enabled mapping from TRIM_HORIZON, removed when the test
    ends.
    """

    def made(function: Function, source_arn: str, **options: Any) -> dict[str, Any]:
        lambda_ = function.clients.lambda_
        request = {"StartingPosition": "TRIM_HORIZON", **options}
        answer = lambda_.create_event_source_mapping(FunctionName=function.name, EventSourceArn=source_arn, **request)
        cleanup(remove, lambda_, answer["UUID"], eventually)
        state = "Enabled" if options.get("Enabled", True) else "Disabled"
        return in_state(lambda_, answer["UUID"], state, eventually)

    return made


def remove(lambda_: Any, mapping_id: str, eventually: Callable[..., Any]) -> None:
    """Delete a mapping, whatever it is doing, and wait until it is gone."""
    busy = (lambda_.exceptions.ResourceInUseException,)
    eventually(lambda: lambda_.delete_event_source_mapping(UUID=mapping_id), retry=busy, timeout=60)
    eventually(lambda: not exists(lambda_, mapping_id), timeout=60)


def exists(lambda_: Any, mapping_id: str) -> bool:
    try:
        lambda_.get_event_source_mapping(UUID=mapping_id)
    except lambda_.exceptions.ResourceNotFoundException:
        return False
    return True


def in_state(lambda_: Any, mapping_id: str, state: str, eventually: Callable[..., Any]) -> dict[str, Any]:
    """Wait until the mapping is in a state; returns its description."""
    return eventually(
        lambda: lambda_.get_event_source_mapping(UUID=mapping_id),
        until=lambda found: found["State"] == state,
        timeout=120,
    )


@pytest.fixture
def received() -> Callable[[Function], list[dict[str, Any]]]:
    """`received(function)` are the recorder's lines by time:
    `at`, `batch` (the records' names) and what else the event held.
    """

    def lines(function: Function, marker: str = "BATCH") -> list[dict[str, Any]]:
        found = [json.loads(message.partition(" ")[2]) for message in messages(function, marker)]
        return sorted(found, key=lambda line: line.get("at", 0))

    return lines


def messages(function: Function, marker: str) -> Iterator[str]:
    logs = function.clients.logs
    try:
        for page in logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{function.name}", filterPattern=marker
        ):
            yield from (event["message"] for event in page["events"] if event["message"].startswith(marker))
    except logs.exceptions.ResourceNotFoundException:
        return  # not invoked yet


@pytest.fixture
def batches(received) -> Callable[[Function], list[list[Any]]]:
    """`batches(function)` are the names of the records of each invocation, in order of time."""
    return lambda function: [line["batch"] for line in received(function)]


def put(
    clients: Any, stream_arn: str, bodies: Sequence[Any], key: str | Callable[[Any], str] = "one"
) -> list[dict[str, Any]]:
    """Put bodies (JSON, or bytes as they are) in order, under one partition key or one for each;
    returns what Kinesis answered.
    """
    entries = [
        {
            "Data": body if isinstance(body, bytes) else json.dumps(body).encode(),
            "PartitionKey": key if isinstance(key, str) else key(body),
        }
        for body in bodies
    ]
    answers: list[dict[str, Any]] = []
    for at in range(0, len(entries), 500):
        answer = clients.kinesis.put_records(StreamARN=stream_arn, Records=entries[at : at + 500])
        assert answer["FailedRecordCount"] == 0
        answers += answer["Records"]
    return answers


def numbered(count: int, start: int = 0, **rest: Any) -> list[dict[str, Any]]:
    """Bodies named by consecutive numbers."""
    return [{"n": n, **rest} for n in range(start, start + count)]


def names(batches: Iterable[Sequence[Any]]) -> list[Any]:
    """The names of all records of some batches, in order."""
    return [name for batch in batches for name in batch]
