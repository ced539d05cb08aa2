"""Tables and their streams shared by resource policies, by ARN from another account.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-cross-account-access.html
"""

import json

import pytest

from integration_tests.local_cloud.accounts.refusals import denied
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

DYNAMODB = [statement("dynamodb:*")]
ITEM = {"pk": {"S": "a"}, "value": {"N": "1"}}


@pytest.fixture
def share(clients):
    def put(arn, principals, actions, **rest):
        policy = {
            "Version": "2012-10-17",
            "Statement": [statement(actions, arn, Principal={"AWS": principals}, **rest)],
        }
        clients(arn.split(":")[4]).dynamodb.put_resource_policy(ResourceArn=arn, Policy=json.dumps(policy))

    return put


def test_the_role_of_the_policy_writes_and_reads_items_by_arn(account, clients, principal, table, share):
    owner, partner = account(), account()
    arn = table(owner)["TableArn"]
    named, without, other = principal(partner, DYNAMODB), principal(partner, []), principal(partner, DYNAMODB)
    actions = ["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:BatchWriteItem", "dynamodb:Query"]
    share(arn, [named.role_arn, without.role_arn], actions)

    named.dynamodb.put_item(TableName=arn, Item=ITEM)
    answer = named.dynamodb.batch_write_item(RequestItems={arn: [{"PutRequest": {"Item": {"pk": {"S": "b"}}}}]})
    assert answer["UnprocessedItems"] == {}
    assert named.dynamodb.get_item(TableName=arn, Key={"pk": {"S": "a"}})["Item"] == ITEM
    found = clients(owner).dynamodb.scan(TableName=arn.rsplit("/", 1)[1])["Items"]
    assert sorted(found, key=lambda item: item["pk"]["S"]) == [ITEM, {"pk": {"S": "b"}}]

    for identity in (without, other, principal(account(), DYNAMODB)):
        denied(identity.dynamodb.put_item, TableName=arn, Item=ITEM)
        denied(identity.dynamodb.get_item, TableName=arn, Key={"pk": {"S": "a"}})
    denied(named.dynamodb.scan, TableName=arn)
    denied(named.dynamodb.delete_item, TableName=arn, Key={"pk": {"S": "a"}})


def test_without_a_policy_a_table_of_another_account_is_out_of_reach(account, clients, principal, table):
    arn, partner = table(account())["TableArn"], account()
    for identity in (principal(partner, DYNAMODB), clients(partner)):
        message = denied(identity.dynamodb.get_item, TableName=arn, Key={"pk": {"S": "a"}})
        assert f"dynamodb:GetItem on resource: {arn} because no resource-based policy allows" in message


def test_the_stream_of_a_table_has_a_policy_of_its_own(account, clients, principal, table, share):
    owner, partner = account(), account()
    description = table(owner, view="NEW_IMAGE")
    arn = description["LatestStreamArn"]
    clients(owner).dynamodb.put_item(TableName=description["TableName"], Item=ITEM)
    reader, stranger = principal(partner, DYNAMODB), principal(account(), DYNAMODB)
    share(description["TableArn"], reader.role_arn, ["dynamodb:GetItem"])
    denied(reader.dynamodbstreams.describe_stream, StreamArn=arn)
    share(arn, reader.role_arn, ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"])

    shard = reader.dynamodbstreams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    position = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = reader.dynamodbstreams.get_shard_iterator(**position)["ShardIterator"]
    records = reader.dynamodbstreams.get_records(ShardIterator=iterator)["Records"]
    assert [record["dynamodb"]["NewImage"] for record in records] == [ITEM]
    denied(stranger.dynamodbstreams.describe_stream, StreamArn=arn)
    denied(stranger.dynamodbstreams.get_shard_iterator, **position)
    denied(stranger.dynamodbstreams.get_records, ShardIterator=iterator)


def test_within_the_account_the_stream_permission_is_checked_on_the_stream(account, clients, principal, table):
    own = account()
    mine, other = (table(own, view="NEW_IMAGE")["LatestStreamArn"] for _ in range(2))
    reader = principal(own, [statement("dynamodb:*", mine)])
    assert reader.dynamodbstreams.describe_stream(StreamArn=mine)["StreamDescription"]["StreamArn"] == mine
    denied(reader.dynamodbstreams.describe_stream, StreamArn=other)


def test_within_the_account_the_tables_policy_alone_lets_a_role_in_and_a_deny_keeps_it_out(
    account, principal, table, share
):
    own = account()
    arn = table(own)["TableArn"]
    without, allowed = principal(own, []), principal(own, DYNAMODB)
    share(arn, without.role_arn, ["dynamodb:GetItem"])
    assert "Item" not in without.dynamodb.get_item(TableName=arn, Key={"pk": {"S": "a"}})
    share(arn, allowed.role_arn, ["dynamodb:GetItem"], Effect="Deny")
    denied(allowed.dynamodb.get_item, TableName=arn, Key={"pk": {"S": "a"}})


def test_leading_keys_give_a_role_its_own_items_only(account, clients, principal, table):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html"""
    own = account()
    name = table(own, keys="pk sk")["TableName"]
    mine = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}}
    actions = [f"dynamodb:{name}" for name in ("PutItem", "GetItem", "BatchWriteItem", "Query", "BatchGetItem")]
    limited = principal(own, [statement(actions, "*", Condition=mine)]).dynamodb

    def item(pk, sk="1"):
        return {"pk": {"S": pk}, "sk": {"S": sk}}

    def batch(*keys):
        return {"RequestItems": {name: [{"PutRequest": {"Item": item(key, "2")}} for key in keys]}}

    def query(pk):
        return {
            "TableName": name,
            "KeyConditionExpression": "#k = :pk AND sk > :sk",
            "ExpressionAttributeNames": {"#k": "pk"},
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":sk": {"S": "0"}},
        }

    limited.put_item(TableName=name, Item=item("mine"))
    limited.batch_write_item(**batch("mine"))
    assert limited.query(**query("mine"))["Items"] == [item("mine"), item("mine", "2")]
    denied(limited.put_item, TableName=name, Item=item("other"))
    denied(limited.get_item, TableName=name, Key=item("other"))
    denied(limited.batch_write_item, **batch("mine", "other"))
    denied(limited.batch_get_item, RequestItems={name: {"Keys": [item("mine"), item("other")]}})
    denied(limited.query, **query("other"))
    assert clients(own).dynamodb.scan(TableName=name)["Count"] == 2
