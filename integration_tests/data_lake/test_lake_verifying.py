"""The lake of another account is compared with the table, and made equal again, whatever came between them."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration_tests.data_lake import flights
from integration_tests.data_lake.lake import TWO_ACCOUNTS, Lake, deployed_lake
from integration_tests.support.addressing import Cloud
from integration_tests.support.factories import objects
from integration_tests.support.packaging import zipped
from integration_tests.support.typing_commands import Tributary, typed_in
from localcloud.faults import Faults

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]
CHANGES = 400
RAISES = "def handler(event, context):\n    raise RuntimeError('told to')\n"


@pytest.fixture(scope="module")
def lake(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with ExitStack() as cleanup:
        yield deployed_lake(cloud, tmp_path_factory.mktemp("lake"), cleanup, TWO_ACCOUNTS)


@pytest.fixture
def tributary(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tributary:
    monkeypatch.setattr("operations.data_lake.snapshots.LEEWAY_S", 0.5)
    return typed_in(lake.engine, monkeypatch, capsys)


def verified(tributary: Tributary, stack: str = "lake-producer") -> dict[str, Any]:
    _, out, err = tributary("verify", stack, "--yes", "--json", "--settle", "0.5", "--longest", "20")
    assert out, err
    report: dict[str, Any] = json.loads(out)
    return report


def keys_in(report: dict[str, Any]) -> dict[str, set[str]]:
    """What a report names, by kind."""
    ids = {kind: {one["id"]["S"] for one in report[kind]} for kind in ("missing", "extra")}
    return {**ids, "differing": {one["key"]["id"]["S"] for one in report["differing"]}}


NOTHING: dict[str, set[str]] = {"missing": set(), "extra": set(), "differing": set()}


def person(key: str, designation: str) -> dict[str, Any]:
    return {"id": {"S": key}, "name": {"S": "Chris"}, "Designation": {"S": designation}}


def test_a_lake_equals_its_table_in_spite_of_duplicates_and_disorder(
    lake: Lake, tributary: Tributary, faults: Faults
) -> None:
    dynamodb, table = lake.producer.dynamodb, lake.way["tableName"]
    on_stream = {"service": "kinesis", "account": lake.producer.account_id}
    with (
        faults.set("duplicate", **on_stream, rate=0.3, seed=1) as twice,
        faults.set("reorder", **on_stream, rate=0.3, seed=2) as disorder,
    ):
        flights.write(dynamodb, table, flights.changes(CHANGES))
        for item in flights.changes(CHANGES)[:20]:
            dynamodb.delete_item(TableName=table, Key={"id": item["id"]})
        assert twice.hits() > 0
        assert disorder.hits() > 0

    report = verified(tributary)
    assert report["equal"], report
    assert report["sourceItems"] == report["replicaItems"] == dynamodb.scan(TableName=table, Select="COUNT")["Count"]


def test_what_the_stream_never_had_is_named_and_repaired(
    lake: Lake, tributary: Tributary, eventually: Eventually
) -> None:
    dynamodb, table = lake.producer.dynamodb, lake.way["tableName"]
    for key in ("changed", "removed"):
        lake.put(person(key, "Consultant"))
    assert verified(tributary)["equal"]
    place = {"TableName": table, "StreamArn": lake.way["streamArn"]}
    dynamodb.disable_kinesis_streaming_destination(**place)
    lake.put(person("new", "Consultant"))
    lake.put(person("changed", "Principal Consultant"))
    dynamodb.delete_item(TableName=table, Key={"id": {"S": "removed"}})
    dynamodb.enable_kinesis_streaming_destination(**place)

    report = verified(tributary, "lake-consumer")
    assert keys_in(report) == {"missing": {"new"}, "extra": {"removed"}, "differing": {"changed"}}
    assert report["differing"][0]["attributes"] == ["Designation"]

    code, out, err = tributary("repair", "lake-consumer", "--yes", "--json", "--settle", "0.5")
    assert code == 0, err
    assert {name: json.loads(out)[name] for name in ("written", "removed")} == {"written": 2, "removed": 1}
    assert eventually(lambda: verified(tributary), until=lambda one: one["equal"], timeout=60)


def wide(number: int) -> dict[str, Any]:
    """An item of 5 kB that becomes 75 kB: each of its columns has long names before its own."""
    return {
        "id": {"S": f"wide-{number}"},
        "o" * 120: {"M": {"i" * 120: {"M": {f"n{place}": {"N": "1"} for place in range(300)}}}},
    }


def put_back(lake: Lake) -> float:
    """How many records the function put back into the stream, as it counts."""
    now = datetime.now(UTC)
    found = lake.producer.cloudwatch.get_metric_statistics(
        Namespace="Tributary",
        MetricName="PutBack",
        Dimensions=[{"Name": "FunctionName", "Value": lake.way["transformName"]}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def test_a_paused_lake_falls_behind_and_catches_up_though_an_answer_would_be_too_large(
    lake: Lake, tributary: Tributary, eventually: Eventually
) -> None:
    assert tributary("pause", "lake-producer", "--yes")[0] == 0
    lake.put(person("waiting", "Consultant"))
    assert keys_in(verified(tributary)) == {**NOTHING, "missing": {"waiting"}}
    # Once it goes on a shard's are transformed together: 8 MB, of which an answer takes 6.
    flights.write(lake.producer.dynamodb, lake.way["tableName"], [wide(number) for number in range(200)])
    before = put_back(lake)
    assert tributary("resume", "lake-producer", "--yes")[0] == 0
    assert eventually(lambda: verified(tributary), until=lambda one: one["equal"], timeout=120)
    assert put_back(lake) > before


def test_what_a_broken_transform_left_is_redriven_after_its_fix(
    lake: Lake, tributary: Tributary, eventually: Eventually
) -> None:
    client, name = lake.producer.lambda_, lake.way["transformName"]
    package = urllib.request.urlopen(client.get_function(FunctionName=name)["Code"]["Location"]).read()
    entry = client.get_function_configuration(FunctionName=name)["Handler"]
    client.update_function_configuration(FunctionName=name, Handler="broken.handler")
    client.update_function_code(FunctionName=name, ZipFile=zipped({"broken.py": RAISES}))
    try:
        lake.put(person("broken", "Consultant"))
        eventually(lambda: lake.errors(), until=bool, timeout=120)
    finally:
        client.update_function_configuration(FunctionName=name, Handler=entry)
        client.update_function_code(FunctionName=name, ZipFile=package)
    assert keys_in(verified(tributary)) == {**NOTHING, "missing": {"broken"}}

    code, out, err = tributary("redrive", "lake-consumer", "--yes", "--json")
    assert code == 0, err
    assert [one["records"] for one in json.loads(out)["sent"]] == [1]
    assert verified(tributary)["equal"]
    assert lake.errors() == []
    assert len(objects(lake.consumer.s3, lake.store["bucketName"], "redriven/")) == 1
    assert tributary("redrive", "lake-consumer", "--yes")[1].strip() == "Nothing to redrive."
