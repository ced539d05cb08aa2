"""Batches of which a part fails: what is reported as failed was not written, and everything else was."""

import json

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.local


def test_unprocessed_items_are_not_written(account, clients, table, faults) -> None:
    mine = account()
    name, api = table(mine)["TableName"], clients(mine).dynamodb
    writes = [{"PutRequest": {"Item": {"pk": {"S": f"{number:02d}"}}}} for number in range(25)]
    with faults.partial(0.4, account=mine, seed=3):
        left = api.batch_write_item(RequestItems={name: writes})["UnprocessedItems"][name]
    assert 3 < len(left) < 20
    stored = api.scan(TableName=name)["Items"]
    assert sorted(item["pk"]["S"] for item in [*stored, *(one["PutRequest"]["Item"] for one in left)]) == [
        f"{number:02d}" for number in range(25)
    ]


def test_a_batch_that_fails_whole_is_throttled(account, clients, table, faults) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html: none processed."""
    mine = account()
    name, api = table(mine)["TableName"], clients(mine).dynamodb
    with faults.partial(1.0, account=mine), pytest.raises(ClientError, match="ProvisionedThroughputExceededException"):
        api.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": {"pk": {"S": "a"}}}}]})
    assert api.scan(TableName=name)["Count"] == 0


def test_unprocessed_keys_are_not_read(account, clients, table, faults) -> None:
    mine = account()
    name, api = table(mine)["TableName"], clients(mine).dynamodb
    keys = [{"pk": {"S": f"{number:02d}"}} for number in range(20)]
    api.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": key}} for key in keys]})
    with faults.partial(account=mine, seed=1):
        answer = api.batch_get_item(RequestItems={name: {"Keys": keys, "ConsistentRead": True}})
    left = answer["UnprocessedKeys"][name]
    assert left["ConsistentRead"] is True
    assert 2 < len(left["Keys"]) < 18
    assert sorted(key["pk"]["S"] for key in [*answer["Responses"][name], *left["Keys"]]) == [k["pk"]["S"] for k in keys]


def test_failed_records_are_named_in_place(account, clients, stream, faults) -> None:
    mine = account()
    arn, api = stream(mine), clients(mine).kinesis
    records = [{"Data": f"{number:02d}".encode(), "PartitionKey": "k"} for number in range(30)]
    with faults.partial(account=mine, seed=5):
        answer = api.put_records(StreamARN=arn, Records=records)
    failed = [number for number, entry in enumerate(answer["Records"]) if "ErrorCode" in entry]
    assert answer["FailedRecordCount"] == len(failed)
    assert 5 < len(failed) < 25
    assert {entry["ErrorCode"] for entry in answer["Records"] if "ErrorCode" in entry} == {
        "ProvisionedThroughputExceededException"
    }
    shard = api.list_shards(StreamARN=arn)["Shards"][0]["ShardId"]
    start = api.get_shard_iterator(StreamARN=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    stored = {record["SequenceNumber"]: record["Data"] for record in api.get_records(ShardIterator=start)["Records"]}
    assert list(stored.values()) == [f"{number:02d}".encode() for number in range(30) if number not in failed]
    assert {
        entry["SequenceNumber"]: records[n]["Data"] for n, entry in enumerate(answer["Records"]) if n not in failed
    } == stored


def test_failed_puts_are_named_in_place(account, clients, bucket, role, unique, cleanup, faults) -> None:
    mine = account()
    api, name, store = clients(mine).firehose, unique("delivery"), bucket(mine)
    writer = role(mine, [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}], trusts="firehose.amazonaws.com")
    api.create_delivery_stream(
        DeliveryStreamName=name,
        DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration={"RoleARN": writer, "BucketARN": f"arn:aws:s3:::{store}"},
    )
    cleanup(api.delete_delivery_stream, DeliveryStreamName=name)
    with faults.partial(account=mine, seed=2):
        answer = api.put_record_batch(DeliveryStreamName=name, Records=[{"Data": b"x"}] * 30)
    failed = [entry for entry in answer["RequestResponses"] if "ErrorCode" in entry]
    assert (answer["FailedPutCount"], len(answer["RequestResponses"])) == (len(failed), 30)
    assert 5 < len(failed) < 25
    assert all(entry == {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."} for entry in failed)
    assert all("RecordId" in entry for entry in answer["RequestResponses"] if entry not in failed)


def test_failed_messages_are_named_by_id(account, clients, queue, faults) -> None:
    mine = account()
    (url, _), api = queue(mine), clients(mine).sqs
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(10)]
    with faults.partial(account=mine, seed=4):
        answer = api.send_message_batch(QueueUrl=url, Entries=entries)
    good, bad = ({entry["Id"] for entry in answer[member]} for member in ("Successful", "Failed"))
    assert good | bad == {entry["Id"] for entry in entries}
    assert good & bad == set()
    assert 0 < len(bad) < 10
    count = api.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    assert int(count["ApproximateNumberOfMessages"]) == len(good)


def test_failed_publications_are_named_by_id(account, clients, queue, unique, cleanup, faults) -> None:
    mine = account()
    (url, arn), api = queue(mine), clients(mine)
    topic = api.sns.create_topic(Name=unique("topic"))["TopicArn"]
    cleanup(api.sns.delete_topic, TopicArn=topic)
    allowed = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ],
    }
    api.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(allowed)})
    api.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    entries = [{"Id": str(number), "Message": f"<{number}>"} for number in range(10)]
    with faults.partial(account=mine, service="sns", seed=6):
        answer = api.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    good, bad = ([entry["Id"] for entry in answer[member]] for member in ("Successful", "Failed"))
    assert sorted(good + bad) == [entry["Id"] for entry in entries]
    assert 0 < len(bad) < 10
    received = api.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in received) == sorted(f"<{number}>" for number in good)
