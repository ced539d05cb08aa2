"""A lake of another account is filled and compared beyond one machine: by a state machine over an export, and by one
query of Athena.

Exports stay in the table's account: what reaches the lake's are rows, with what is hidden hidden.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from integration_tests.data_lake.lake import QUICK, TWO_ACCOUNTS, Lake, deployed_lake
from integration_tests.support.addressing import Cloud
from integration_tests.support.factories import objects
from integration_tests.support.typing_commands import Tributary, typed_in
from localcloud.faults import Faults
from operations.data_lake.backfilling import PLACE

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]
ITEMS = 2_000
PRODUCER = {"accountId": TWO_ACCOUNTS["lake-producer"], "exportRoleName": "blog-srca-ddb-table-export-role"}
HIDDEN = {"hash": ["contact.email"], "salt": "grain-of-salt-16"}


@pytest.fixture(scope="module")
def lake(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A table that has its items already when its changes begin to be streamed."""
    transform = {**QUICK["transform"], **HIDDEN}
    changes = {**QUICK, "transform": transform, "bulk": {"maximumConcurrency": 4}, "producer": PRODUCER}
    with ExitStack() as cleanup:
        yield deployed_lake(cloud, tmp_path_factory.mktemp("lake"), cleanup, TWO_ACCOUNTS, changes)


@pytest.fixture
def tributary(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tributary:
    monkeypatch.setattr("operations.data_lake.snapshots.LEEWAY_S", 0.5)
    return typed_in(lake.engine, monkeypatch, capsys)


def item(number: int) -> dict[str, Any]:
    return {
        "id": {"S": f"person-{number}"},
        "name": {"S": 'a "quoted" \\ name, "change_event":"x", 1.50'},
        "share": {"N": f"0.{number + 1}234567890123456789012345678901"},
        "tags": {"SS": ["a", "b"]},
        "contact": {"M": {"email": {"S": f"{number}@example.com"}, "phones": {"L": [{"N": "1"}, {"S": "1"}]}}},
    }


@pytest.fixture(scope="module")
def filled(lake: Lake) -> Lake:
    """Items of which the stream knows nothing."""
    dynamodb, table = lake.producer.dynamodb, lake.way["tableName"]
    unknown_to_the_stream(lake, lambda: write(lake, range(ITEMS)))
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    return lake


def write(lake: Lake, numbers: range) -> None:
    for start in range(numbers.start, numbers.stop, 25):
        puts = [{"PutRequest": {"Item": item(number)}} for number in numbers[start - numbers.start :][:25]]
        lake.producer.dynamodb.batch_write_item(RequestItems={lake.way["tableName"]: puts})


def unknown_to_the_stream(lake: Lake, change: Callable[[], object]) -> None:
    place = {"TableName": lake.way["tableName"], "StreamArn": lake.way["streamArn"]}
    lake.producer.dynamodb.disable_kinesis_streaming_destination(**place)
    change()
    lake.producer.dynamodb.enable_kinesis_streaming_destination(**place)


def by_athena(tributary: Tributary) -> dict[str, Any]:
    _, out, err = tributary("verify", "lake-consumer", "--engine", "athena", "--yes", "--json", "--settle", "0.5")
    assert out, err
    report: dict[str, Any] = json.loads(out)
    return report


def left_behind(lake: Lake) -> list[str]:
    """What a comparison made and did not remove."""
    glue = lake.consumer.glue.get_tables(DatabaseName=lake.store["queryDatabase"])["TableList"]
    stored = [key for folder in ("exports/", "backfill/") for key in exported(lake, folder)]
    rows = objects(lake.consumer.s3, lake.store["workBucketName"], "verify/")
    return [*(table["Name"] for table in glue if table["Name"] not in ("changes", "latest", "history")), *stored, *rows]


def exported(lake: Lake, folder: str) -> dict[str, bytes]:
    """What is below a folder of the bucket of exports, which is the table's account's."""
    return objects(lake.producer.s3, lake.way["exportBucketName"], folder)


def test_what_the_stream_never_had_is_brought_file_by_file_in_spite_of_a_crash(
    filled: Lake, tributary: Tributary, faults: Faults, eventually: Eventually
) -> None:
    with faults.crash(resource=filled.way["bulk"]["backfillerName"], count=1, applied=True) as crashed:
        code, out, err = tributary("backfill", "lake-producer", "--engine", "distributed", "--yes", "--json")
        assert crashed.hits() == 1
    assert code == 0, err
    assert (json.loads(out)["items"], json.loads(out)["refused"]) == (ITEMS, [])
    assert PLACE not in exported(filled, "backfill/")
    eventually(lambda: {row["id"] for row in filled.rows()}, until=lambda ids: len(ids) == ITEMS, timeout=120)
    assert not any("@example.com" in json.dumps(row) for row in filled.rows())


def test_by_athena_the_lake_is_equal_and_three_rows_changed_behind_its_back_are_named(
    filled: Lake, tributary: Tributary
) -> None:
    dynamodb, table = filled.producer.dynamodb, filled.way["tableName"]
    for key in exported(filled, "exports/") | exported(filled, "backfill/"):
        filled.producer.s3.delete_object(Bucket=filled.way["exportBucketName"], Key=key)
    report = by_athena(tributary)
    assert report["equal"], report
    assert (report["sourceItems"], report["replicaItems"]) == (ITEMS, ITEMS)
    assert left_behind(filled) == []

    def change() -> None:
        # In the last of 38 digits, which a double does not tell.
        share = item(7)["share"]["N"][:-1] + "2"
        dynamodb.put_item(TableName=table, Item={**item(7), "share": {"N": share}})
        dynamodb.put_item(TableName=table, Item={**item(0), "id": {"S": "new"}})
        dynamodb.delete_item(TableName=table, Key={"id": {"S": "person-9"}})

    unknown_to_the_stream(filled, change)
    report = by_athena(tributary)
    assert [one["id"]["S"] for one in report["missing"]] == ["new"]
    assert [one["id"]["S"] for one in report["extra"]] == ["person-9"]
    assert [(one["key"]["id"]["S"], one["attributes"]) for one in report["differing"]] == [("person-7", ["share"])]
    assert left_behind(filled) == []


def test_a_comparison_that_is_stopped_leaves_nothing_behind(
    filled: Lake, tributary: Tributary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("operations.data_lake.athena.ran", stopped)
    tributary("verify", "lake-producer", "--engine", "athena", "--yes")
    assert left_behind(filled) == []


def test_an_export_of_another_accounts_table_is_brought_by_this_machine(
    filled: Lake, tributary: Tributary, eventually: Eventually
) -> None:
    unknown_to_the_stream(filled, lambda: write(filled, range(ITEMS, ITEMS + 1)))
    code, out, err = tributary("backfill", "lake-consumer", "--from", "export", "--yes", "--json")
    assert code == 0, err
    assert json.loads(out)["items"] == ITEMS + 1
    eventually(lambda: f"person-{ITEMS}" in {row["id"] for row in filled.rows()}, timeout=120)
