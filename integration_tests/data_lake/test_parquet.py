"""A lake of Parquet is whole, though the files have declared columns only: queried, compared by scans and by Athena."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pyarrow.parquet
import pytest

from integration_tests.data_lake.lake import ONE_ACCOUNT, QUICK, Lake, deployed_lake
from integration_tests.support.addressing import Cloud
from integration_tests.support.typing_commands import Tributary, typed_in

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]
PARQUET = {
    **QUICK,
    "delivery": {"bufferMb": 64, "bufferSeconds": 1},
    # What an item was before is in no export, and is not compared.
    "transform": {**QUICK["transform"], "oldImage": True},
    "layout": {"format": "parquet", "columns": {"name": "string", "address__city": "string", "seats": "bigint"}},
    "bulk": {},
}


@pytest.fixture(scope="module")
def lake(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with ExitStack() as cleanup:
        yield deployed_lake(cloud, tmp_path_factory.mktemp("lake"), cleanup, ONE_ACCOUNT, PARQUET)


@pytest.fixture
def tributary(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tributary:
    monkeypatch.setattr("operations.data_lake.snapshots.LEEWAY_S", 0.5)
    return typed_in(lake.engine, monkeypatch, capsys)


def person(key: str, city: str, seats: int = 4) -> dict[str, Any]:
    return {
        "id": {"S": key},
        "name": {"S": "Adam"},
        "seats": {"N": str(seats)},
        "share": {"N": "0.1234567890123456789012345678901234567"},
        "address": {"M": {"city": {"S": city}, "Zip-Code": {"N": "3000"}, "raw": {"B": b"\x00\x01"}}},
        "tags": {"SS": ["a", "b"]},
    }


def rows(lake: Lake) -> list[dict[str, Any]]:
    """Every row of the lake's files."""
    s3, bucket = lake.consumer.s3, lake.store["bucketName"]
    bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in lake.object_keys()]
    return [row for body in bodies for row in pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()]


def verified(tributary: Tributary, *options: str) -> dict[str, Any]:
    code, out, err = tributary("verify", "lake", "--yes", "--json", "--settle", "0.5", *options)
    assert out, err
    report: dict[str, Any] = json.loads(out)
    assert (code == 0) == report["equal"]
    return report


ENGINES = [(), ("--engine", "athena")]


def test_files_have_the_declared_columns_and_the_whole_item(
    lake: Lake, tributary: Tributary, eventually: Eventually
) -> None:
    for city, seats in (("Basel", 4), ("Bern", 5)):
        lake.put(person("864732", city, seats))
    lake.put(person("gone", "Chur"))
    lake.producer.dynamodb.delete_item(TableName=lake.way["tableName"], Key={"id": {"S": "gone"}})

    found = eventually(lambda: rows(lake), until=lambda seen: len(seen) == 4, timeout=60)
    inserted, modified = sorted((row for row in found if row["id"] == "864732"), key=lambda row: row["change_order"])
    assert (inserted["address__city"], inserted["seats"]) == ("Basel", 4)
    assert (modified["address__city"], modified["seats"], modified["name"]) == ("Bern", 5, "Adam")
    assert "share" not in modified
    stored = person("864732", "Bern", 5)
    stored["address"]["M"]["raw"] = {"B": "AAE="}
    assert json.loads(modified["change_item"]) == stored
    assert json.loads(modified["change_old_item"])["address"]["M"]["city"] == {"S": "Basel"}

    code, out, err = tributary("query", "lake", "select id, seats, address__city from latest", "--json")
    assert code == 0, err
    assert json.loads(out) == [{"id": "864732", "seats": "5", "address__city": "Bern"}]


@pytest.mark.parametrize("options", ENGINES)
def test_by_either_engine_it_equals_the_table(lake: Lake, tributary: Tributary, options: tuple[str, ...]) -> None:
    dynamodb, table = lake.producer.dynamodb, lake.way["tableName"]
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    report = verified(tributary, *options)
    assert report["equal"], report
    assert (report["sourceItems"], report["replicaItems"]) == (1, 1)


def test_by_either_engine_what_the_stream_never_had_is_named_also_where_no_column_is_declared_and_repaired(
    lake: Lake, tributary: Tributary, eventually: Eventually
) -> None:
    dynamodb, table = lake.producer.dynamodb, lake.way["tableName"]
    place = {"TableName": table, "StreamArn": lake.way["streamArn"]}
    dynamodb.disable_kinesis_streaming_destination(**place)
    lake.put({**person("864732", "Bern", 5), "share": {"N": "0.1234567890123456789012345678901234568"}})
    lake.put(person("new", "Chur"))
    dynamodb.enable_kinesis_streaming_destination(**place)
    for options in ENGINES:
        report = verified(tributary, *options)
        assert [one["id"]["S"] for one in report["missing"]] == ["new"]
        found = [(one["key"]["id"]["S"], one["attributes"]) for one in report["differing"]]
        assert (found, report["extra"]) == ([("864732", ["share"])], [])

    code, _, err = tributary("repair", "lake", "--yes", "--json", "--settle", "0.5")
    assert code == 0, err
    assert eventually(lambda: verified(tributary), until=lambda one: one["equal"], timeout=60)
