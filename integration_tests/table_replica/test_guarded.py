"""A guarded replica of an existing table, in another account and Region: nothing late overwrites what is newer."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration_tests.support.addressing import Cloud
from integration_tests.support.factories import objects
from integration_tests.table_replica.deployed import Deployed, Eventually, deployed_far
from localcloud.faults import Faults
from operations.instruments import holding
from operations.instruments.distributing import Watch
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item
from operations.instruments.tables import Table
from operations.table_replica import backfilling, backfilling_exports, deployed, repairing
from operations.table_replica.athena import Comparison
from operations.table_replica.copying_files import distributed, locally

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def orders(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with ExitStack() as cleanup:
        yield deployed_far(cloud, tmp_path_factory.mktemp("far"), cleanup)


def order(customer: str, at: int, **attributes: Any) -> Item:
    return {"id": {"S": customer}, "at": {"N": str(at)}, **attributes}


def delete(orders: Deployed, customer: str, at: int) -> None:
    orders.clients.dynamodb.delete_item(TableName=orders.replica.source.name, Key=order(customer, at))


def test_changes_cross_the_border_with_all_their_attributes(orders: Deployed) -> None:
    for number in range(120):
        orders.put(order(f"customer-{number % 7}", number, amount={"N": f"{number}.50"}, tags={"SS": ["x", "ü"]}))
    for number in range(0, 120, 5):
        delete(orders, f"customer-{number % 7}", number)

    report = orders.verify()
    assert report.equal
    assert report.items[0] == 96
    assert orders.equal()


def test_the_policy_of_the_writer_role_lets_it_write_the_replica_and_nothing_else(orders: Deployed) -> None:
    role = orders.outputs["writerRoleArn"].split("/")[-1]
    [policy] = orders.far.iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = orders.far.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    allowed = {action for one in document["Statement"] for action in one["Action"]}
    assert allowed == {
        *(f"dynamodb:{action}" for action in ("ConditionCheckItem", "DeleteItem", "PutItem")),
        *("kms:Decrypt", "kms:DescribeKey"),
    }


def test_nobody_else_may_assume_the_writer_role(orders: Deployed) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        orders.far.sts.assume_role(
            RoleArn=orders.outputs["writerRoleArn"], RoleSessionName="stranger", ExternalId="raven-1"
        )


def test_an_item_that_the_replica_refuses_is_kept_whole_and_blocks_nothing(
    orders: Deployed, eventually: Eventually
) -> None:
    poison = order("poison", 1, kind={"N": "5"}, note={"S": "käufe ☂"}, raw={"B": "AAH/"})
    orders.put(order("before", 1))
    orders.put(poison)
    orders.put(order("after", 1))

    [kept] = eventually(orders.failed_records, timeout=60)
    assert kept["dynamodb"]["NewImage"] == poison
    report = orders.verify(settle_s=2)
    assert report.missing == ['[{"S":"poison"},{"N":"1"}]']
    assert (report.extra, report.differing) == ([], [])

    [outcome] = orders.redrive()
    assert outcome.reason is not None
    assert "Type mismatch for Index Key kind" in outcome.reason
    assert len(orders.failed_records()) == 1

    # The fix: the replica does without the index.
    orders.far.dynamodb.update_table(
        TableName=orders.replica.replica.name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_kind"}}]
    )
    assert [outcome.reason for outcome in orders.redrive()] == [None]
    assert orders.verify().equal
    assert orders.equal()
    assert orders.failed_records() == []


def given_up_at(orders: Deployed, attempts: int) -> None:
    """Change how often the mapping tries a batch, and wait until it goes by that."""
    lambda_, mapping = orders.replica.lambda_, orders.replica.mapping_id
    with holding.held(lambda_, mapping):
        lambda_.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=attempts)


def test_a_late_redrive_as_it_is_overwrites_nothing_newer(
    orders: Deployed, faults: Faults, eventually: Eventually
) -> None:
    replica = orders.replica.replica.name
    # An outage waits, and so the mapping gives up what it is told to give up: a function that crashes.
    given_up_at(orders, attempts=0)
    with faults.crash(resource=orders.replica.function):
        for number in range(10):
            orders.put(order("late", number, v={"S": "early"}))
        eventually(orders.failed_records, until=lambda found: len(found) >= 10, timeout=60)
    given_up_at(orders, attempts=-1)
    # What follows is in another shard, whose sequence numbers are above those of its parent.
    faults.reshard(orders.stream_arn())
    orders.put(order("late", 0, v={"S": "newer"}))
    delete(orders, "late", 1)
    assert len(orders.verify(settle_s=2).missing) == 8

    assert {outcome.reason for outcome in orders.redrive()} == {None}
    assert orders.verify().equal
    there = orders.far.dynamodb.query(
        TableName=replica, KeyConditionExpression="id = :id", ExpressionAttributeValues={":id": {"S": "late"}}
    )["Items"]
    assert [(item["at"]["N"], item["v"]["S"]) for item in there] == [
        ("0", "newer"),
        *((str(number), "early") for number in range(2, 10)),
    ]


def test_a_backfill_beside_the_running_stream_brings_nothing_back(orders: Deployed) -> None:
    """What was removed or changed through the stream stays so, whatever the backfill read before."""
    replica = orders.replica.replica
    old = [order("old", number, v={"S": "before the stream"}) for number in range(300)]
    for item in old:
        orders.put(item)
    assert orders.verify().equal
    # As if they had been written before the stream was: neither the items nor their positions are there.
    for table in (replica.name, orders.replica.positions_table):
        for item in old:
            orders.far.dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("id", "at")})

    touched = 0

    def change(written: int, kept: int) -> None:
        nonlocal touched
        touched += 1
        orders.put(order("old", touched, v={"S": "changed meanwhile"}))
        delete(orders, "old", 200 + touched)

    change(0, 0)
    done = backfilling.backfill(orders.replica, RateLimit(None), RateLimit(None), change, segments=3)
    assert done.written > 250
    assert holding.state(orders.replica.lambda_, orders.replica.mapping_id) == "Enabled"
    assert orders.verify().equal
    assert orders.equal()


def test_a_repair_beside_the_running_stream_lets_nothing_older_back_in(orders: Deployed) -> None:
    """Changes arrive while it reads and writes; what it wrote is older to none of them."""
    for number in range(4):
        orders.put(order("repaired", number, v={"S": "streamed"}))
    assert orders.verify().equal
    far, name = orders.far.dynamodb, orders.replica.replica.name
    far.delete_item(TableName=name, Key=order("repaired", 0))
    far.put_item(TableName=name, Item=order("repaired", 1, v={"S": "by hand"}))
    far.put_item(TableName=name, Item=order("repaired", 9))
    report = orders.verify(settle_s=0.5)
    assert (len(report.missing), len(report.differing), len(report.extra)) == (1, 1, 1)
    orders.put(order("repaired", 1, v={"S": "meanwhile"}))
    orders.put(order("repaired", 9, v={"S": "meanwhile"}))
    delete(orders, "repaired", 3)

    mended = repairing.repair(orders.replica, report, orders.verify, tombstone_days=14)
    assert (mended.refused, mended.moving) == ({}, [])
    assert mended.done == 3
    assert orders.verify().equal
    assert orders.equal()


def test_faults_at_the_far_end_end_in_equality(orders: Deployed, faults: Faults) -> None:
    selected = {"service": "dynamodb", "operation": "TransactWriteItems", "account": orders.far.account_id}
    with (
        faults.throttle(**selected, rate=0.2, seed=3) as throttled,
        faults.expire(service="dynamodb", account=orders.far.account_id, operation="TransactWriteItems", count=1),
        faults.crash(resource=orders.replica.function, count=1, applied=True) as crashed,
    ):
        for turn in range(400):
            orders.put(order(f"c{turn % 13}", turn % 29, turn={"N": str(turn)}))
            if turn % 3 == 0:
                delete(orders, f"c{turn % 11}", turn % 29)
            if turn % 150 == 0:
                faults.reshard(orders.stream_arn(), into=2)
        assert orders.verify(settle_s=20).equal
        assert throttled.hits() + crashed.hits() > 1
    assert orders.equal()
    assert orders.failed_records() == []


def test_commands_find_both_ends_by_their_stacks(orders: Deployed) -> None:
    found = deployed.find(orders.engine, "workshop")
    assert found.replica.keys == found.source.keys == ["id", "at"]
    assert found.replica.dynamodb.region == "eu-central-1"
    assert found.positions_table == "orders-replica-positions"


def test_athena_compares_exports_that_each_account_makes_of_its_own_table(orders: Deployed) -> None:
    found = deployed.find(orders.engine, "workshop")
    orders.clients.dynamodb.update_continuous_backups(
        TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    orders.put(order("athena", 1, note={"S": "käufe ☂"}))
    assert orders.verify().equal
    extra = order("athena", 2)
    orders.far.dynamodb.put_item(TableName=found.replica.name, Item=extra)
    bulk = deployed.required_bulk(found, "workshop")
    report = Comparison(found, bulk, Patience(settle_s=0.5)).report(lambda step: None)
    assert report.extra == ['[{"S":"athena"},{"N":"2"}]']
    assert (report.missing, report.differing) == ([], [])
    assert report.items[1] == report.items[0] + 1
    orders.far.dynamodb.delete_item(TableName=found.replica.name, Key=extra)

    # The other account can write exports, and nothing else: not even read them.
    bucket = orders.outputs["bulk"]["exportBucketName"]
    [key, *_] = objects(orders.clients.s3, bucket, "exports/")
    for refused in (
        lambda: orders.far.s3.get_object(Bucket=bucket, Key=key),
        lambda: orders.far.s3.put_object(Bucket=bucket, Key="verify/athena.json", Body=b"{}"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()


@pytest.mark.parametrize("engine", ["local", "distributed"])
def test_an_exports_rows_cross_the_border_beside_the_running_stream(
    orders: Deployed, engine: str, eventually: Eventually
) -> None:
    """The functions assume the writer role; what was removed or changed through the stream stays so."""
    assert orders.replica.bulk is not None
    positions = Table(orders.replica.replica.dynamodb, str(orders.replica.positions_table))
    orders.clients.dynamodb.update_continuous_backups(
        TableName=orders.replica.source.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    for number in range(200):
        orders.put(order("exported", number, v={"S": "before the stream"}))
    assert orders.verify().equal
    orders.empty()

    def change(note: str) -> None:
        if not note.startswith("Export"):
            return
        for number in range(20):
            orders.put(order("exported", number, v={"S": "changed meanwhile"}))
            delete(orders, "exported", 100 + number)
        # Applied before the rows of the export come: of what was removed only a position is left.
        eventually(lambda: len(orders.items(positions)), equals=40, timeout=30)
        assert len(orders.items(orders.replica.replica)) == 20

    watch = Watch(change)
    copy = locally(orders.replica, RateLimit(None), watch)
    if engine == "distributed":
        copy = distributed(orders.replica, orders.replica.bulk, 500.0, watch)
    done = backfilling_exports.backfill(orders.replica, orders.replica.bulk, copy, watch)
    # What was changed or removed is kept, and nothing is brought back.
    assert done.kept == 40
    assert done.written >= 160
    assert holding.state(orders.replica.lambda_, orders.replica.mapping_id) == "Enabled"
    assert orders.verify().equal
    assert orders.equal()
