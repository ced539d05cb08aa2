"""Mappings of DynamoDB streams: the records' form, their order, and failures.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html ,
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
"""

import json
import re
import time
from collections import defaultdict

import pytest

from integration_tests.local_cloud.event_sources.conftest import READ_STREAMS, names
from integration_tests.support.factories import objects

pytestmark = pytest.mark.local


def put_item(clients, table, key, **body):
    item = {"pk": {"S": key}, "body": {"S": json.dumps(body)}}
    clients.dynamodb.put_item(TableName=table["TableName"], Item=item)


def events(received, function):
    return [record for event in received(function, "EVENT") for record in event["Records"]]


def test_the_event_has_every_field_of_a_change_record(account, clients, table, recorder, mapping, received, eventually):
    owner = account()
    described, function, dynamodb = table(owner, view="NEW_AND_OLD_IMAGES"), recorder(owner), clients(owner).dynamodb
    name, source = described["TableName"], described["LatestStreamArn"]
    body = {"S": '{"do": "show"}'}
    first = {"pk": {"S": "a"}, "body": body, "amount": {"N": "12.5"}, "set": {"SS": ["x", "y"]}, "raw": {"B": b"\x00"}}
    dynamodb.put_item(TableName=name, Item=first)
    dynamodb.update_item(
        TableName=name,
        Key={"pk": {"S": "a"}},
        UpdateExpression="SET amount = :new",
        ExpressionAttributeValues={":new": {"N": "13"}},
    )
    # A write that changes nothing is no change.
    dynamodb.put_item(TableName=name, Item={**first, "amount": {"N": "13"}})
    dynamodb.delete_item(TableName=name, Key={"pk": {"S": "a"}})
    mapping(function, source)
    records = eventually(lambda: events(received, function), until=lambda got: len(got) >= 3)
    created = [record["dynamodb"].pop("ApproximateCreationDateTime") for record in records]
    numbers = [record["dynamodb"].pop("SequenceNumber") for record in records]
    ids = [record.pop("eventID") for record in records]
    assert all(isinstance(moment, float) and moment.is_integer() for moment in created)
    assert all(abs(moment - time.time()) < 60 for moment in created)
    assert numbers == sorted(numbers, key=int)
    assert all(re.fullmatch(r"[1-9]\d{20,39}", number) for number in numbers)
    assert len(set(ids)) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    old = {"pk": {"S": "a"}, "body": body, "amount": {"N": "12.5"}, "set": {"SS": ["x", "y"]}, "raw": {"B": "AA=="}}
    new = {**old, "amount": {"N": "13"}}
    common = {
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": source,
    }
    # Names and values of the key, then of each image: the rules are those of item sizes.
    key_bytes, rest = 3, len("body") + len(body["S"]) + len("amount") + len("setxy") + len("raw") + 1
    sizes = [record["dynamodb"].pop("SizeBytes") for record in records]
    assert all(key_bytes + key_bytes + rest <= size <= 2 * (key_bytes + key_bytes + rest) + 60 for size in sizes)
    assert sizes[1] > sizes[0]

    def change(event_name, **images):
        stream = {"Keys": {"pk": {"S": "a"}}, "StreamViewType": "NEW_AND_OLD_IMAGES", **images}
        return {"eventName": event_name, "dynamodb": stream, **common}

    assert records == [
        change("INSERT", NewImage=old),
        change("MODIFY", NewImage=new, OldImage=old),
        change("REMOVE", OldImage=new),
    ]


@pytest.mark.parametrize(
    ("view", "images"), [("KEYS_ONLY", set()), ("NEW_IMAGE", {"NewImage"}), ("OLD_IMAGE", {"OldImage"})]
)
def test_the_view_says_which_images_a_record_has(
    view, images, account, clients, table, function, mapping, received, eventually
):
    owner = account()
    described = table(owner, view=view)
    shows = 'import json\n\ndef handler(event, context):\n    print("EVENT " + json.dumps(event))\n'
    function = function(owner, shows, statements=READ_STREAMS)
    mapping(function, described["LatestStreamArn"])
    put_item(clients(owner), described, "a", n=1)
    put_item(clients(owner), described, "a", n=2)
    changed = eventually(lambda: events(received, function), until=lambda got: len(got) == 2)[1]
    assert changed["dynamodb"].keys() & {"NewImage", "OldImage"} == images
    assert changed["dynamodb"]["StreamViewType"] == view


def test_every_kind_of_write_arrives_in_order(account, clients, table, recorder, mapping, batches, eventually):
    owner = account()
    described, function, dynamodb = table(owner, view="NEW_IMAGE"), recorder(owner), clients(owner).dynamodb
    name = described["TableName"]
    mapping(function, described["LatestStreamArn"], BatchSize=10)
    dynamodb.batch_write_item(
        RequestItems={name: [{"PutRequest": {"Item": {"pk": {"S": f"k{n}"}}}} for n in range(25)]}
    )
    dynamodb.transact_write_items(
        TransactItems=[{"Put": {"TableName": name, "Item": {"pk": {"S": f"t{n}"}}}} for n in range(3)]
    )
    for n in range(3):
        dynamodb.delete_item(TableName=name, Key={"pk": {"S": f"t{n}"}})
    got = eventually(lambda: names(batches(function)), until=lambda seen: len(seen) == 31)
    assert sorted(got[:25]) == sorted(f"k{n}" for n in range(25))
    assert sorted(got[25:28]) == ["t0", "t1", "t2"]
    assert got[28:] == ["t0", "t1", "t2"]
    assert max(map(len, batches(function))) <= 10


def test_latest_delivers_what_is_written_after_the_mapping_was_created(
    account, clients, table, recorder, mapping, batches, eventually
):
    owner = account()
    described, function = table(owner, view="NEW_IMAGE"), recorder(owner)
    put_item(clients(owner), described, "before")
    mapping(function, described["LatestStreamArn"], StartingPosition="LATEST")
    put_item(clients(owner), described, "after")
    eventually(lambda: batches(function), equals=[["after"]])


def test_a_record_that_always_fails_ends_whole_in_the_bucket_and_blocks_nothing(
    account, clients, table, bucket, recorder, mapping, batches, eventually
):
    owner = account()
    described, function, destination = table(owner, view="NEW_IMAGE"), recorder(owner), bucket(owner)
    for key, do in (("a", None), ("poison", "fail"), ("b", None)):
        put_item(clients(owner), described, key, **({"do": do} if do else {}))
    mapping(
        function,
        described["LatestStreamArn"],
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{destination}"}},
    )
    eventually(lambda: batches(function)[-1] if batches(function) else None, equals=["b"])
    ((key, content),) = eventually(lambda: objects(clients(owner).s3, destination)).items()
    document = json.loads(content)
    info = document["DDBStreamBatchInfo"]
    (record,) = json.loads(document["payload"])["Records"]
    assert record["dynamodb"]["Keys"] == {"pk": {"S": "poison"}}
    assert (info["batchSize"], info["startSequenceNumber"]) == (1, record["dynamodb"]["SequenceNumber"])
    assert info["streamArn"] == described["LatestStreamArn"]
    assert f"/{info['shardId']}/" in key
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"


def test_a_stream_that_is_switched_off_is_read_to_its_end(
    account, clients, table, recorder, mapping, batches, eventually
):
    owner = account()
    described, function, lambda_ = table(owner, view="NEW_IMAGE"), recorder(owner), clients(owner).lambda_
    created = mapping(function, described["LatestStreamArn"], Enabled=False)
    put_item(clients(owner), described, "a")
    clients(owner).dynamodb.update_table(TableName=described["TableName"], StreamSpecification={"StreamEnabled": False})
    lambda_.update_event_source_mapping(UUID=created["UUID"], Enabled=True)
    eventually(lambda: batches(function), equals=[["a"]])


def test_resharding_loses_nothing_and_keeps_the_order_of_each_item(
    account, clients, table, recorder, mapping, received, eventually, faults
):
    """Also while a batch of the first shard fails, which holds its children up."""
    owner = account()
    described, function = table(owner, view="NEW_IMAGE"), recorder(owner)
    source = described["LatestStreamArn"]
    mapping(function, source, BatchSize=4, ParallelizationFactor=2)

    def write(start):
        for n in range(start, start + 30):
            failing = {"do": "raise", "until": time.time() + 1} if n == 7 else {}
            put_item(clients(owner), described, f"key-{n % 10}", n=n, **failing)

    write(0)
    for start, into in ((30, 3), (60, 1), (90, 2)):
        faults.reshard(source, into=into)
        write(start)
    lines = eventually(
        lambda: received(function), until=lambda got: {*range(120)} <= {*names(line["batch"] for line in got)}
    )
    per_key = defaultdict(list)
    for n in dict.fromkeys(names(line["batch"] for line in lines)):
        per_key[n % 10].append(n)
    assert per_key == {key: list(range(key, 120, 10)) for key in range(10)}


def test_latest_skips_closed_shards_and_reads_their_children(
    account, clients, table, recorder, mapping, batches, eventually, faults
):
    owner = account()
    described, function = table(owner, view="NEW_IMAGE"), recorder(owner)
    put_item(clients(owner), described, "before")
    faults.reshard(described["LatestStreamArn"], into=2)
    mapping(function, described["LatestStreamArn"], StartingPosition="LATEST")
    put_item(clients(owner), described, "first")
    faults.reshard(described["LatestStreamArn"])
    put_item(clients(owner), described, "second")
    eventually(lambda: names(batches(function)), until=lambda got: len(got) >= 2)
    assert sorted(names(batches(function))) == ["first", "second"]
