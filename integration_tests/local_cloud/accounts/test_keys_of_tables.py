"""Tables encrypted with a customer key: DynamoDB uses the key on behalf of the principal that accesses the table.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
"""

import pytest

from integration_tests.local_cloud.accounts.refusals import denied, refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

ALL = [statement(["dynamodb:*", "kms:*"])]
SELECT = ["kms:DescribeKey", "kms:CreateGrant", "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"]
ITEM = {"pk": {"S": "a"}}
TABLE = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def encryption(key):
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key.arn}


@pytest.fixture
def encrypted_table(clients, table, key):
    """`encrypted_table(account_id)`: a table under a key that only the account's administrator may use yet."""

    def make(account_id):
        customer_key = key(account_id)
        customer_key.policy(statement(SELECT, Principal={"AWS": account_id}))
        name = table(account_id, SSESpecification=encryption(customer_key), view="NEW_IMAGE")["TableName"]
        return name, customer_key

    return make


def test_a_role_that_the_key_policy_does_not_name_is_denied_and_with_it_it_works(account, principal, encrypted_table):
    own = account()
    name, customer_key = encrypted_table(own)
    named, other = principal(own, ALL), principal(own, ALL)
    customer_key.allow("kms:Decrypt", named.role_arn)
    named.dynamodb.put_item(TableName=name, Item=ITEM)
    assert named.dynamodb.get_item(TableName=name, Key=ITEM)["Item"] == ITEM
    request = {"PutRequest": {"Item": ITEM}}
    for call, arguments in (
        (other.dynamodb.put_item, {"TableName": name, "Item": ITEM}),
        (other.dynamodb.get_item, {"TableName": name, "Key": ITEM}),
        (other.dynamodb.scan, {"TableName": name}),
        (other.dynamodb.batch_write_item, {"RequestItems": {name: [request]}}),
        (other.dynamodb.transact_write_items, {"TransactItems": [{"Put": {"TableName": name, "Item": ITEM}}]}),
    ):
        message = denied(call, **arguments)
        assert f"is not authorized to perform: kms:Decrypt on resource: {customer_key.arn}" in message
    assert other.dynamodb.describe_table(TableName=name)["Table"]["SSEDescription"] == {
        "Status": "ENABLED",
        "SSEType": "KMS",
        "KMSMasterKeyArn": customer_key.arn,
    }


def test_the_stream_of_an_encrypted_table_needs_the_key_too(account, clients, principal, encrypted_table):
    own = account()
    name, customer_key = encrypted_table(own)
    clients(own).dynamodb.put_item(TableName=name, Item=ITEM)
    reader = principal(own, ALL)
    streams = reader.dynamodbstreams
    arn = clients(own).dynamodb.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    customer_key.policy()
    denied(streams.get_records, ShardIterator=iterator["ShardIterator"])
    customer_key.allow("kms:Decrypt", reader.role_arn)
    records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert [record["dynamodb"]["NewImage"] for record in records] == [ITEM]


@pytest.mark.parametrize("missing", ["kms:CreateGrant", "kms:DescribeKey", "kms:Decrypt"])
def test_who_selects_the_key_needs_what_dynamodb_requires(account, clients, principal, key, unique, cleanup, missing):
    own = account()
    customer_key, name, selector = key(own), unique("table"), principal(own, [statement("dynamodb:*")])
    create = {"TableName": name, **TABLE, "SSESpecification": encryption(customer_key)}
    customer_key.allow([action for action in SELECT if action != missing], selector.role_arn)
    assert f"is not authorized to perform: {missing}" in denied(selector.dynamodb.create_table, **create)
    customer_key.allow(SELECT, selector.role_arn)
    selector.dynamodb.create_table(**create)
    cleanup(clients(own).dynamodb.delete_table, TableName=name)


def test_the_permissions_may_be_limited_to_dynamodb(account, clients, principal, key, unique, cleanup):
    """https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html (kms:ViaService)"""
    own = account()
    customer_key, name, selector = key(own), unique("table"), principal(own, ALL)
    via = {"StringEquals": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}}
    for_aws = {**via, "Bool": {"kms:GrantIsForAWSResource": "true"}}
    use = [action for action in SELECT if action != "kms:CreateGrant"]
    customer_key.policy(
        statement(use, Principal={"AWS": selector.role_arn}, Condition=via),
        statement("kms:CreateGrant", Principal={"AWS": selector.role_arn}, Condition=for_aws),
    )
    selector.dynamodb.create_table(TableName=name, **TABLE, SSESpecification=encryption(customer_key))
    cleanup(clients(own).dynamodb.delete_table, TableName=name)
    selector.dynamodb.put_item(TableName=name, Item=ITEM)
    denied(selector.kms.encrypt, KeyId=customer_key.arn, Plaintext=b"x")


def test_a_table_is_encrypted_only_with_a_key_that_can_be_used(account, clients, key, unique):
    own = account()
    customer_key = key(own)
    customer_key.policy(statement(SELECT, Principal={"AWS": own}))
    customer_key.disable()
    create = {"TableName": unique("table"), **TABLE, "SSESpecification": encryption(customer_key)}
    assert refused(clients(own).dynamodb.create_table, **create)[0] == "ValidationException"
    create["SSESpecification"]["KMSMasterKeyId"] = "11111111-2222-3333-4444-555555555555"
    assert refused(clients(own).dynamodb.create_table, **create)[0] == "ValidationException"


def test_with_a_disabled_key_the_table_is_inaccessible_until_it_is_enabled(
    account, clients, encrypted_table, eventually
):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSEDescription.html"""
    own = account()
    name, customer_key = encrypted_table(own)
    dynamodb = clients(own).dynamodb
    dynamodb.put_item(TableName=name, Item=ITEM)
    customer_key.disable()
    eventually(lambda: refused(dynamodb.put_item, TableName=name, Item={"pk": {"S": "b"}}), timeout=90)
    eventually(
        lambda: dynamodb.describe_table(TableName=name)["Table"],
        until=lambda described: (
            described["TableStatus"] == "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
            and "InaccessibleEncryptionDateTime" in described["SSEDescription"]
        ),
        timeout=90,
    )
    customer_key.enable()
    eventually(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"], equals="ACTIVE", timeout=90)
    assert dynamodb.scan(TableName=name)["Items"] == [ITEM]
