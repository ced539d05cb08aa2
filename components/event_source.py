"""What feeds a function on a stream, and what reading takes: a Kinesis stream, a consumer of it, a table's stream."""

from dataclasses import dataclass

import pulumi

from components.policies import Statement, statement, uses_key

# What DynamoDB does with a customer key on behalf of whoever reads or writes a table, or reads its stream, which is
# encrypted with the table's key.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
TABLE_KEY_ACTIONS = ["Decrypt", "DescribeKey"]


@dataclass(frozen=True, kw_only=True)
class EventSource:
    """What a mapping reads: `arn` is the event source, `statements` allow reading it.

    The mapping starts at what arrived at `starting_timestamp`, which Kinesis streams alone can (ISO 8601, UTC), or at
    the horizon. A mapping that is deleted forgets its place: `protect` has Pulumi refuse to delete or replace it.
    https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html (StartingPosition)
    """

    arn: pulumi.Input[str]
    statements: list[Statement]
    starting_timestamp: str | None = None
    protect: bool = False


def kinesis_source(
    stream_arn: pulumi.Input[str],
    consumer_arn: pulumi.Input[str] | None,
    key_arn: pulumi.Input[str] | None,
    region: str,
    starting_timestamp: str | None = None,
) -> EventSource:
    """A Kinesis stream, or a consumer of it; `key_arn` is None for a stream without a customer key."""
    used = [] if key_arn is None else [uses_key(key_arn, ["Decrypt"], "kinesis", region)]
    return EventSource(
        arn=stream_arn if consumer_arn is None else consumer_arn,
        statements=[*_reads_kinesis(stream_arn, consumer_arn), *used],
        starting_timestamp=starting_timestamp,
    )


def table_source(
    stream_arn: pulumi.Input[str], key_arn: pulumi.Input[str] | None, region: str, *, protect: bool
) -> EventSource:
    """A table's stream; `key_arn` is None for a table without a customer key."""
    used = [] if key_arn is None else [uses_key(key_arn, TABLE_KEY_ACTIONS, "dynamodb", region)]
    return EventSource(arn=stream_arn, statements=[*_reads_table_stream(stream_arn), *used], protect=protect)


def _reads_kinesis(stream_arn: pulumi.Input[str], consumer_arn: pulumi.Input[str] | None) -> list[Statement]:
    """What a mapping needs to read a stream, or a consumer of it.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
    """
    stream = ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"]
    statements = [
        statement([f"kinesis:{action}" for action in stream], stream_arn),
        # ListStreams has no resource level.
        statement(["kinesis:ListStreams"], "*"),
    ]
    if consumer_arn is not None:
        statements.append(statement(["kinesis:SubscribeToShard", "kinesis:DescribeStreamConsumer"], consumer_arn))
    return statements


def _reads_table_stream(stream_arn: pulumi.Input[str]) -> list[Statement]:
    """What a mapping needs to read a table's stream.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
    """
    actions = ["DescribeStream", "GetRecords", "GetShardIterator"]
    return [
        statement([f"dynamodb:{action}" for action in actions], stream_arn),
        # ListStreams has no resource level that names a single stream.
        statement(["dynamodb:ListStreams"], "*"),
    ]
