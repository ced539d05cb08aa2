"""PartiQL statements change a table as other writes do: its streams tell of them, its rules hold, its permissions too.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.html ,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html
"""

import json

import pytest
from botocore.exceptions import ClientError

from integration_tests.support.addressing import statement

pytestmark = [pytest.mark.local, pytest.mark.aws]


def changes(clients, table):
    """What the table's stream holds: kind, key and the values of `v` before and after."""
    api, arn = clients.dynamodbstreams, table["LatestStreamArn"]
    found = []
    for shard in api.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = api.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        for record in api.get_records(ShardIterator=iterator["ShardIterator"])["Records"]:
            change = record["dynamodb"]
            images = [change.get(image, {}).get("v", {}).get("S") for image in ("OldImage", "NewImage")]
            found.append((record["eventName"], change["Keys"]["pk"]["S"], *images))
    return found


def kinesis_changes(clients, stream_arn):
    kinesis = clients.kinesis
    shards = kinesis.list_shards(StreamARN=stream_arn)["Shards"]
    records = []
    for shard in shards:
        iterator = kinesis.get_shard_iterator(
            StreamARN=stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += kinesis.get_records(ShardIterator=iterator)["Records"]
    read = [json.loads(record["Data"]) for record in records]
    return [(one["eventName"], one["dynamodb"]["Keys"]["pk"]["S"]) for one in read]


EXPECTED = [
    ("INSERT", "one", None, "a"),
    ("MODIFY", "one", "a", "b"),
    ("INSERT", "two", None, "a"),
    ("REMOVE", "one", "b", None),
    ("INSERT", "three", None, "a"),
    ("MODIFY", "two", "a", "c"),
]


def test_every_way_of_writing_reaches_the_stream_and_the_kinesis_destination(
    account, clients, table, stream, eventually
):
    mine = account()
    described, destination = table(mine, view="NEW_AND_OLD_IMAGES"), stream(mine)
    name, api = described["TableName"], clients(mine).dynamodb
    api.enable_kinesis_streaming_destination(TableName=name, StreamArn=destination)
    eventually(
        lambda: api.describe_kinesis_streaming_destination(TableName=name)["KinesisDataStreamDestinations"][0],
        until=lambda one: one["DestinationStatus"] == "ACTIVE",
        timeout=120,
    )
    insert = f"INSERT INTO \"{name}\" VALUE {{'pk': ?, 'v': 'a'}}"

    def text(value):
        return [{"S": value}]

    api.execute_statement(Statement=insert, Parameters=text("one"))
    api.execute_statement(Statement=f"UPDATE \"{name}\" SET v='b' WHERE pk='one'")
    api.execute_statement(Statement=f"UPDATE \"{name}\" SET v='b' WHERE pk='one'")  # changes nothing
    api.batch_execute_statement(
        Statements=[
            {"Statement": insert, "Parameters": text("two")},
            {"Statement": insert, "Parameters": text("two")},  # there already
            {"Statement": f"DELETE FROM \"{name}\" WHERE pk='one'"},
            {"Statement": f"DELETE FROM \"{name}\" WHERE pk='nobody'"},
        ]
    )
    api.execute_transaction(
        TransactStatements=[
            {"Statement": insert, "Parameters": text("three")},
            {"Statement": f"UPDATE \"{name}\" SET v='c' WHERE pk='two'"},
        ]
    )
    with pytest.raises(ClientError, match="TransactionCanceled"):
        api.execute_transaction(
            TransactStatements=[
                {"Statement": insert, "Parameters": text("four")},
                {"Statement": insert, "Parameters": text("three")},
            ]
        )

    assert changes(clients(mine), described) == EXPECTED
    told = eventually(lambda: kinesis_changes(clients(mine), destination), until=lambda got: len(got) >= len(EXPECTED))
    assert sorted(told) == sorted(change[:2] for change in EXPECTED)


def test_a_statement_is_allowed_by_the_permission_of_its_kind(account, clients, table, principal):
    mine = account()
    described = table(mine)
    name, arn = described["TableName"], described["TableArn"]
    writer = principal(mine, [statement(["dynamodb:PartiQLInsert"], arn)]).dynamodb
    plain = principal(mine, [statement(["dynamodb:PutItem", "dynamodb:ExecuteStatement"], arn)]).dynamodb
    insert = f"INSERT INTO \"{name}\" VALUE {{'pk': 'a'}}"

    writer.execute_statement(Statement=insert)
    for refused in (
        lambda: writer.execute_statement(Statement=f"DELETE FROM \"{name}\" WHERE pk='a'"),
        lambda: writer.batch_execute_statement(Statements=[{"Statement": f"SELECT * FROM \"{name}\" WHERE pk='a'"}]),
        lambda: plain.execute_statement(Statement=insert),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()
    assert clients(mine).dynamodb.scan(TableName=name)["Items"] == [{"pk": {"S": "a"}}]
