"""A table that is there already, and the options: hidden attributes, partitions, a copy; and the teardown."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from integration_tests.data_lake.lake import ONE_ACCOUNT, QUICK, REGION, Lake
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.deployments import NEW_ACCOUNTS_DIFFER, deploy, left, prepare
from integration_tests.support.factories import objects
from operations import deploying
from operations.engine import Engine
from operations.errors import OperationError, StackError

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]
TABLE, FAR, SALT = "people", "eu-west-1", "0123456789abcdef0123456789abcdef"
OPTIONS = {
    **QUICK,
    "delivery": {"bufferMb": 64, "bufferSeconds": 1},
    "transform": {"bufferSeconds": 0, "oldImage": True, "drop": ["ssn"], "hash": ["email"], "salt": SALT},
    "layout": {"compression": "GZIP", "partitionBy": "address.country", "columns": {"email": "string"}},
    "bucket": {"replica": {"region": FAR}},
    "catalogue": {"crawler": "cron(0 5 * * ? *)"},
}


class Undeployed:
    """A project folder whose stack names a table that somebody else made."""

    def __init__(self, cloud: Cloud, folder: Any, cleanup: ExitStack) -> None:
        self.account_id = cloud.lend_account(cleanup)
        self.clients = Clients(cloud.session(self.account_id), self.account_id, cloud.endpoint, REGION)
        arn = f"arn:aws:dynamodb:{REGION}:{self.account_id}:table/{TABLE}"
        self.account_ids = {ONE_ACCOUNT["lake"]: self.account_id}
        self.engine: Engine = prepare(
            cloud, folder, {"lake": {**OPTIONS, "table": {"tableArn": arn}}}, self.account_ids
        )

    def make_table(self) -> None:
        self.clients.dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def stream_elsewhere(self) -> str:
        kinesis = self.clients.kinesis
        kinesis.create_stream(StreamName="elsewhere", ShardCount=1)
        arn: str = kinesis.describe_stream_summary(StreamName="elsewhere")["StreamDescriptionSummary"]["StreamARN"]
        self.clients.dynamodb.enable_kinesis_streaming_destination(TableName=TABLE, StreamArn=arn)
        return arn


@pytest.fixture(scope="module")
def undeployed(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undeployed]:
    with ExitStack() as cleanup:
        yield Undeployed(cloud, tmp_path_factory.mktemp("options"), cleanup)


@pytest.fixture(scope="module")
def elsewhere(undeployed: Undeployed) -> str:
    """The table, which streams to another destination."""
    undeployed.make_table()
    return undeployed.stream_elsewhere()


@pytest.fixture(scope="module")
def lake(cloud: Cloud, undeployed: Undeployed, elsewhere: str) -> Iterator[Lake]:
    dynamodb = undeployed.clients.dynamodb
    dynamodb.disable_kinesis_streaming_destination(TableName=TABLE, StreamArn=elsewhere)
    with ExitStack() as cleanup:
        yield Lake(deploy(cloud, undeployed.engine, undeployed.account_ids, cleanup), cloud, ONE_ACCOUNT)


def test_a_table_that_is_not_there_is_told_before_anything_is_deployed(undeployed: Undeployed) -> None:
    with pytest.raises(StackError, match=r"`lake\.table\.tableArn` is .*there is no such table"):
        deploying.up(undeployed.engine, ["lake"], yes=True)
    assert undeployed.engine.deployed() == []


def test_a_table_that_streams_elsewhere_is_told_before_anything_is_deployed(
    undeployed: Undeployed, elsewhere: str
) -> None:
    with pytest.raises(StackError, match=rf"people streams to {elsewhere} already.*disable-kinesis-streaming"):
        deploying.up(undeployed.engine, ["lake"], yes=True)
    assert undeployed.engine.deployed() == []


def test_rows_are_hidden_partitioned_compressed_and_copied(lake: Lake, cloud: Cloud, eventually: Eventually) -> None:
    for city in ("Basel", "Bern"):
        lake.put(person("1", city))
    lake.producer.dynamodb.delete_item(TableName=TABLE, Key={"id": {"S": "1"}})

    rows = eventually(lake.rows, until=lambda rows: len(rows) == 3, timeout=60)
    insert, modify, remove = sorted(rows, key=lambda row: str(row["change_order"]))
    email = hmac.digest(SALT.encode(), b'{"S":"a@example.com"}', "sha256").hex()
    assert (insert["email"], insert["address__city"], insert["change_event"]) == (email, "Basel", "INSERT")
    assert (modify["address__city"], modify["change_old__address__city"]) == ("Bern", "Basel")
    assert (remove["change_event"], remove["change_old__email"], remove["id"]) == ("REMOVE", email, "1")
    assert not any("ssn" in column for row in rows for column in row)

    keys = lake.object_keys()
    assert all("/address_country=CH/" in key and key.endswith(".gz") for key in keys)
    far = Clients(lake.consumer.session, lake.consumer.account_id, cloud.endpoint, FAR)
    copy = lake.store["replicaBucketName"]
    copies = eventually(lambda: objects(far.s3, copy), until=lambda found: set(keys) <= set(found), timeout=60)
    originals = objects(lake.consumer.s3, lake.store["bucketName"])
    assert {key: hashlib.sha256(body).digest() for key, body in copies.items()} == {
        key: hashlib.sha256(body).digest() for key, body in originals.items()
    }
    key_arn = far.s3.head_object(Bucket=copy, Key=keys[0])["SSEKMSKeyId"]
    assert key_arn.split(":")[3] == FAR


def test_a_teardown_shows_what_is_lost_and_leaves_only_the_table(lake: Lake) -> None:
    shown: list[str] = []
    asking = replace(lake.engine, environment={**lake.engine.environment, "PULUMI_SKIP_CONFIRMATIONS": ""})
    with pytest.raises(OperationError, match=r"nobody can answer `Destroy\?` here"):
        deploying.destroy(asking, ["lake"], yes=False)
    assert lake.engine.deployed() == ["lake"]
    deploying.destroy(lake.engine, ["lake"], yes=True, show=shown.append)

    [bucket] = [line for line in shown if f"s3://{lake.store['bucketName']}:" in line]
    assert "old versions" in bucket
    assert "They are deleted with it." in bucket
    assert lake.consumer.s3.list_buckets()["Buckets"] == []
    assert lake.producer.dynamodb.list_tables()["TableNames"] == [TABLE]
    assert lake.producer.logs.describe_log_groups()["logGroups"] == []
    assert lake.engine.deployed() == []


@NEW_ACCOUNTS_DIFFER
def test_nothing_else_is_left(lake: Lake, cloud: Cloud) -> None:
    """Given the lake that was taken apart above, only what its stack did not make is there."""
    deploying.destroy(lake.engine, ["lake"], yes=True)
    table, stream = f"dynamodb {TABLE}", "kinesis elsewhere"
    assert left(cloud, REGION, lake.accounts.values()) == {table, stream}
    assert left(cloud, FAR, lake.accounts.values()) == set()


def person(key: str, city: str) -> dict[str, Any]:
    return {
        "id": {"S": key},
        "email": {"S": "a@example.com"},
        "ssn": {"S": "078-05-1120"},
        "address": {"M": {"city": {"S": city}, "country": {"S": "CH"}}},
    }
