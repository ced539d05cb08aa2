"""A mapping on a stream that its table has no more is told with what makes it read the right one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from operations import dead_streams

pytestmark = pytest.mark.pure

TABLE = "arn:aws:dynamodb:eu-west-1:444444444444:table/logfile"
OLD, NEW = f"{TABLE}/stream/2026-11-22T10:00:00.000", f"{TABLE}/stream/2026-11-28T10:00:00.000"
KINESIS = "arn:aws:kinesis:eu-west-1:444444444444:stream/clicks"


class Cloud:
    """Mappings of a function, and the table with the stream that it has."""

    def __init__(self, latest: str | None, on: bool, *sources: str) -> None:
        specification = {"StreamSpecification": {"StreamEnabled": True}} if on else {}
        self.table = {"Table": {**specification, **({"LatestStreamArn": latest} if latest else {})}}
        self.sources = sources

    def client(self, service: str) -> Any:
        return self

    stack = SimpleNamespace(name="workshop")

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_event_source_mappings"
        return self

    def paginate(self, FunctionName: str) -> Any:  # noqa: N803
        return [{"EventSourceMappings": [{"EventSourceArn": one}]} for one in self.sources]

    def describe_table(self, TableName: str) -> Any:  # noqa: N803
        assert TableName == "logfile"
        return self.table


def told(cloud: Cloud, setting: str | None = None) -> list[str]:
    at: Any = cloud
    return dead_streams.told(at, ["replicator"], setting)


def test_what_reads_the_tables_stream_or_a_kinesis_stream_is_well() -> None:
    assert told(Cloud(NEW, True, NEW, KINESIS)) == []


def test_an_old_stream_is_told_with_the_new_one() -> None:
    [line] = told(Cloud(NEW, True, OLD))
    assert line == (
        f"`replicator` reads {OLD}, which was switched off: the stream of `logfile` is {NEW} now, and what changes "
        "does not reach the function. Type `tributary up workshop --refresh`: it makes the mapping read the table's "
        "stream. Then `tributary repair workshop` mends what no stream holds any more."
    )


@pytest.mark.parametrize("latest", [OLD, None])
def test_a_table_without_a_stream_is_told_also_when_the_last_one_is_still_read(latest: str | None) -> None:
    [line] = told(Cloud(latest, False, OLD))
    assert "`logfile` has no stream now" in line


def test_where_the_stack_file_names_the_stream_its_new_arn_goes_there() -> None:
    [line] = told(Cloud(NEW, True, OLD), "source.streamArn")
    assert "Put its ARN into `source.streamArn` of Pulumi.workshop.yaml and type `tributary up workshop`." in line
    [line] = told(Cloud(OLD, False, OLD), "source.streamArn")
    assert "Switch the stream on, put its ARN into `source.streamArn`" in line
