"""DynamoDB's Kinesis streaming destination: what is written, for which changes, and where it goes from there.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html
"""

import json
import time

import pytest
from botocore.exceptions import ClientError

from integration_tests.local_cloud.delivery.conftest import hints, writes
from integration_tests.support.addressing import statement
from integration_tests.support.waiting import eventually

pytestmark = [pytest.mark.local, pytest.mark.aws]


@pytest.fixture
def streaming(table, stream, account, clients):
    """`streaming(shards=…)`: a table whose changes go to Kinesis; returns clients, its name and the stream's ARN."""

    def made(shards=1, precision=None, keys="pk", account_id=None):
        account_id = account_id or account()
        name = table(account_id, keys=keys)["TableName"]
        stream_arn = stream(account_id, shards)
        dynamodb = clients(account_id).dynamodb
        setting = {"EnableKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": precision}}
        answer = dynamodb.enable_kinesis_streaming_destination(
            TableName=name, StreamArn=stream_arn, **(setting if precision else {})
        )
        assert answer["DestinationStatus"] == "ENABLING"

        def status():
            described = dynamodb.describe_kinesis_streaming_destination(TableName=name)
            return described["KinesisDataStreamDestinations"][0]["DestinationStatus"]

        eventually(status, equals="ACTIVE", timeout=120)
        return clients(account_id), name, stream_arn

    return made


def read(clients, stream_arn) -> list[dict]:
    """Every Kinesis record, with its shard and its data parsed, in the order of the shards."""
    kinesis, found = clients.kinesis, []
    for shard in kinesis.list_shards(StreamARN=stream_arn)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamARN=stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = kinesis.get_records(ShardIterator=iterator)["Records"]
        found += [{**record, "Shard": shard["ShardId"], "Change": json.loads(record["Data"])} for record in records]
    return found


def await_changes(clients, stream_arn, count: int) -> list[dict]:
    found = eventually(lambda: read(clients, stream_arn), until=lambda seen: len(seen) >= count, timeout=60)
    return [record["Change"] for record in found]


def test_each_change_is_written_in_the_documented_shape(streaming):
    clients, name, stream_arn = streaming()
    before_ms = int(time.time() * 1000)
    old = {"pk": {"S": "a"}, "n": {"N": "2060"}, "price": {"N": "63.06"}}
    new = {"pk": {"S": "a"}, "n": {"N": "3"}, "list": {"L": [{"BOOL": True}]}, "raw": {"B": b"\x00\xff"}}

    clients.dynamodb.put_item(TableName=name, Item=old)
    clients.dynamodb.put_item(TableName=name, Item=new)
    clients.dynamodb.delete_item(TableName=name, Key={"pk": {"S": "a"}})

    changes = await_changes(clients, stream_arn, 3)
    stored = {**new, "raw": {"B": "AP8="}}
    common = {
        "awsRegion": clients.region,
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": name,
        "eventSource": "aws:dynamodb",
    }
    assert [{key: change[key] for key in common} for change in changes] == [common] * 3
    assert all(change.keys() == {*common, "eventID", "eventName", "dynamodb"} for change in changes)
    assert [change["eventName"] for change in changes] == ["INSERT", "MODIFY", "REMOVE"]
    images = [{part: change["dynamodb"].get(part) for part in ("Keys", "OldImage", "NewImage")} for change in changes]
    key = {"pk": {"S": "a"}}
    assert images == [
        {"Keys": key, "OldImage": None, "NewImage": old},
        {"Keys": key, "OldImage": old, "NewImage": stored},
        {"Keys": key, "OldImage": stored, "NewImage": None},
    ]
    assert len({change["eventID"] for change in changes}) == 3
    # pk + "a", twice; n + 2060; price + 63.06
    assert changes[0]["dynamodb"]["SizeBytes"] == 3 + 3 + (1 + 3) + (5 + 3)
    for change in changes:
        assert before_ms - 1000 <= change["dynamodb"]["ApproximateCreationDateTime"] <= time.time() * 1000 + 1000
        assert change["dynamodb"].keys() <= {"ApproximateCreationDateTime", "Keys", "NewImage", "OldImage", "SizeBytes"}


def test_microseconds_when_they_are_asked_for(streaming):
    clients, name, stream_arn = streaming(precision="MICROSECOND")

    clients.dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}})

    (change,) = await_changes(clients, stream_arn, 1)
    assert abs(change["dynamodb"]["ApproximateCreationDateTime"] / 1e6 - time.time()) < 120
    assert change["dynamodb"]["ApproximateCreationDateTimePrecision"] == "MICROSECOND"


@pytest.mark.differs("aws", "AWS does not promise that an item's changes keep their order and their shard")
def test_the_changes_of_an_item_have_one_partition_key_and_keep_their_order(streaming):
    clients, name, stream_arn = streaming(shards=4)

    for number in range(10):
        for item in "abcdefgh":
            clients.dynamodb.put_item(TableName=name, Item={"pk": {"S": item}, "n": {"N": str(number)}})

    found = eventually(lambda: read(clients, stream_arn), until=lambda seen: len(seen) == 80, timeout=60)
    for item in "abcdefgh":
        mine = [record for record in found if record["Change"]["dynamodb"]["Keys"]["pk"]["S"] == item]
        assert len({record["PartitionKey"] for record in mine}) == 1
        assert [record["Change"]["dynamodb"]["NewImage"]["n"]["N"] for record in mine] == [str(n) for n in range(10)]
    assert len({record["Shard"] for record in found}) > 1


def test_batch_and_transactional_writes_are_captured(streaming):
    clients, name, stream_arn = streaming()
    puts = [{"PutRequest": {"Item": {"pk": {"S": f"batch-{number}"}}}} for number in range(25)]

    clients.dynamodb.batch_write_item(RequestItems={name: puts})
    clients.dynamodb.transact_write_items(
        TransactItems=[{"Put": {"TableName": name, "Item": {"pk": {"S": "transaction"}}}}]
    )
    clients.dynamodb.batch_write_item(RequestItems={name: [{"DeleteRequest": {"Key": {"pk": {"S": "batch-0"}}}}]})

    changes = await_changes(clients, stream_arn, 27)
    seen = [(change["eventName"], change["dynamodb"]["Keys"]["pk"]["S"]) for change in changes]
    expected = [("INSERT", f"batch-{number}") for number in range(25)] + [("INSERT", "transaction")]
    assert sorted(seen) == sorted([*expected, ("REMOVE", "batch-0")])


def test_a_write_that_changes_nothing_is_no_change(streaming):
    clients, name, stream_arn = streaming()
    item = {"pk": {"S": "a"}, "n": {"N": "1"}}

    clients.dynamodb.put_item(TableName=name, Item=item)
    clients.dynamodb.put_item(TableName=name, Item=item)
    clients.dynamodb.delete_item(TableName=name, Key={"pk": {"S": "a"}})

    assert [change["eventName"] for change in await_changes(clients, stream_arn, 2)] == ["INSERT", "REMOVE"]


@pytest.mark.differs("aws", "AWS expires items within days, at no moment that a test could wait for")
def test_a_deletion_by_time_to_live_says_so(streaming, faults):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html"""
    clients, name, stream_arn = streaming()
    clients.dynamodb.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "gone_after"}
    )
    clients.dynamodb.put_item(
        TableName=name, Item={"pk": {"S": "old"}, "gone_after": {"N": str(int(time.time()) - 60)}}
    )

    assert faults.expire_items(clients.account_id, name) == 1

    inserted, removed = await_changes(clients, stream_arn, 2)
    assert (inserted["eventName"], inserted["userIdentity"]) == ("INSERT", None)
    assert removed["eventName"] == "REMOVE"
    assert removed["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def test_nothing_is_sent_after_the_destination_is_disabled(streaming):
    clients, name, stream_arn = streaming()
    clients.dynamodb.put_item(TableName=name, Item={"pk": {"S": "before"}})
    await_changes(clients, stream_arn, 1)

    clients.dynamodb.disable_kinesis_streaming_destination(TableName=name, StreamArn=stream_arn)

    def status():
        described = clients.dynamodb.describe_kinesis_streaming_destination(TableName=name)
        return described["KinesisDataStreamDestinations"][0]["DestinationStatus"]

    eventually(status, equals="DISABLED", timeout=300)
    clients.dynamodb.put_item(TableName=name, Item={"pk": {"S": "after"}})
    clients.kinesis.put_record(StreamARN=stream_arn, PartitionKey="k", Data=b'{"last": true}')
    changes = await_changes(clients, stream_arn, 2)
    assert [change.get("dynamodb", {}).get("Keys") for change in changes] == [{"pk": {"S": "before"}}, None]


def test_the_stream_has_to_exist_in_the_account_of_the_table(table, stream, account, clients):
    mine, other = account(), account()
    name, foreign = table(mine)["TableName"], stream(other)
    dynamodb = clients(mine).dynamodb
    missing = f"arn:aws:kinesis:{clients(mine).region}:{mine}:stream/nothing-here"

    for stream_arn, code in ((missing, "ResourceNotFoundException"), (foreign, "ValidationException")):
        with pytest.raises(ClientError) as refused:
            dynamodb.enable_kinesis_streaming_destination(TableName=name, StreamArn=stream_arn)
        assert refused.value.response["Error"]["Code"] == code


def test_who_enables_it_needs_permissions_on_the_stream(table, stream, account, principal):
    account_id = account()
    name, stream_arn = table(account_id)["TableName"], stream(account_id)
    enable = statement("dynamodb:*")
    unable = principal(account_id, [enable])
    able = principal(account_id, [enable, statement(["kinesis:PutRecords", "kinesis:DescribeStream"], stream_arn)])

    with pytest.raises(ClientError) as refused:
        unable.dynamodb.enable_kinesis_streaming_destination(TableName=name, StreamArn=stream_arn)

    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    able.dynamodb.enable_kinesis_streaming_destination(TableName=name, StreamArn=stream_arn)


def test_changes_wait_while_the_key_of_the_stream_cannot_be_used(streaming):
    """https://docs.aws.amazon.com/kms/latest/developerguide/enabling-keys.html"""
    clients, name, stream_arn = streaming()
    key_arn = clients.kms.create_key()["KeyMetadata"]["Arn"]
    clients.kinesis.start_stream_encryption(StreamARN=stream_arn, EncryptionType="KMS", KeyId=key_arn)
    eventually(
        lambda: clients.kinesis.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"],
        until=lambda summary: summary["StreamStatus"] == "ACTIVE",
        timeout=60,
    )
    clients.kms.disable_key(KeyId=key_arn)
    for number in range(5):
        clients.dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}, "n": {"N": str(number)}})

    clients.kms.enable_key(KeyId=key_arn)

    changes = await_changes(clients, stream_arn, 5)
    assert [change["dynamodb"]["NewImage"]["n"]["N"] for change in changes] == ["0", "1", "2", "3", "4"]


def test_changes_reach_s3_through_firehose(streaming, delivery_stream, make):
    clients, name, stream_arn = streaming(shards=2)
    bucket = make.bucket(clients.account_id)
    delivery = delivery_stream(
        account_id=clients.account_id,
        bucket=bucket,
        source=stream_arn,
        statements=[*writes(bucket), statement("kinesis:*", stream_arn)],
        BufferingHints=hints(1, 64),
        ProcessingConfiguration={"Enabled": True, "Processors": [{"Type": "AppendDelimiterToRecord"}]},
    )
    items = [{"pk": {"S": f"item-{number:03d}"}, "n": {"N": str(number)}} for number in range(200)]

    for item in items:
        clients.dynamodb.put_item(TableName=name, Item=item)

    def delivered():
        lines = [json.loads(line) for body in delivery.objects().values() for line in body.splitlines()]
        return sorted((line["dynamodb"]["NewImage"] for line in lines), key=lambda image: image["pk"]["S"])

    eventually(delivered, equals=items, timeout=60)


def test_changes_reach_a_function(streaming, function):
    clients, name, stream_arn = streaming()
    statements = [statement("kinesis:*", stream_arn), statement("sqs:SendMessage")]
    queue_url = clients.sqs.create_queue(QueueName=f"{name}-seen")["QueueUrl"]
    source = (
        "import base64, json, os\n"
        "import boto3\n"
        "sqs = boto3.client('sqs')\n"
        "def handler(event, context):\n"
        "    for record in event['Records']:\n"
        "        data = base64.b64decode(record['kinesis']['data']).decode()\n"
        "        sqs.send_message(QueueUrl=os.environ['QUEUE'], MessageBody=data)\n"
    )
    code = function(clients.account_id, source, statements=statements, environment={"QUEUE": queue_url})
    clients.lambda_.create_event_source_mapping(
        FunctionName=code.name, EventSourceArn=stream_arn, StartingPosition="TRIM_HORIZON"
    )

    clients.dynamodb.put_item(TableName=name, Item={"pk": {"S": "seen"}})

    messages = eventually(
        lambda: clients.sqs.receive_message(QueueUrl=queue_url).get("Messages"), timeout=60, interval=0.2
    )
    assert json.loads(messages[0]["Body"])["dynamodb"]["NewImage"] == {"pk": {"S": "seen"}}
