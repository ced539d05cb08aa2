"""What people ask a lake, and what it says: `latest`, `history`, mistakes, and rows from before the stream."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from integration_tests.data_lake.lake import ONE_ACCOUNT, Lake, deployed_lake
from integration_tests.support.addressing import Cloud
from integration_tests.support.typing_commands import Tributary, typed_in

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]
BEFORE = {
    "id": {"S": "before"},
    "name": {"S": "Eve"},
    "Designation": {"S": "Analyst"},
    "pi": {"N": "3.1415926535897932384626433832795028841"},
    "tags": {"SS": ["b", "a"]},
    "address": {"M": {"city": {"S": "Bern"}, "Zip-Code": {"N": "3000"}, "raw": {"B": b"\x00\x01"}}},
}


@pytest.fixture(scope="module")
def lake(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with ExitStack() as cleanup:
        yield deployed_lake(cloud, tmp_path_factory.mktemp("lake"), cleanup, ONE_ACCOUNT)


@pytest.fixture
def tributary(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tributary:
    return typed_in(lake.engine, monkeypatch, capsys)


def asked(tributary: Tributary, sql: str) -> list[dict[str, Any]]:
    code, out, err = tributary("query", "lake", sql, "--json")
    assert code == 0, err
    rows: list[dict[str, Any]] = json.loads(out)
    return rows


@contextmanager
def unstreamed(lake: Lake) -> Iterator[None]:
    """The table's changes go nowhere meanwhile."""
    place = {"TableName": lake.way["tableName"], "StreamArn": lake.way["streamArn"]}
    lake.producer.dynamodb.disable_kinesis_streaming_destination(**place)
    yield
    lake.producer.dynamodb.enable_kinesis_streaming_destination(**place)


def test_the_newest_state_is_latest_and_each_state_is_history(
    lake: Lake, tributary: Tributary, eventually: Eventually
) -> None:
    for designation in ("Architect", "Senior Architect"):
        lake.put({"id": {"S": "864732"}, "name": {"S": "Adam"}, "Designation": {"S": designation}})
    lake.put({"id": {"S": "gone"}, "name": {"S": "Eve"}})
    lake.producer.dynamodb.delete_item(TableName=lake.way["tableName"], Key={"id": {"S": "gone"}})
    eventually(lake.count, equals=4, timeout=60)

    assert asked(tributary, "select id, name, designation from latest") == [
        {"id": "864732", "name": "Adam", "designation": "Senior Architect"}
    ]
    past = asked(
        tributary, "select designation, valid_until is null as now from history where id = '864732' order by 2"
    )
    assert past == [{"designation": "Architect", "now": "false"}, {"designation": "Senior Architect", "now": "true"}]
    assert asked(tributary, "select change_event from history where id = 'gone' order by valid_since") == [
        {"change_event": "INSERT"},
        {"change_event": "REMOVE"},
    ]


def test_rows_are_shown_as_a_table_or_as_csv_with_what_was_read(lake: Lake, tributary: Tributary) -> None:
    sql = "select id, designation, change_actor from latest"
    code, out, err = tributary("query", "lake", sql)
    assert (code, "1 rows; " in err, " bytes scanned" in err) == (0, True, True)
    assert "864732" in out
    assert "Senior Architect" in out
    _, _, err = tributary("query", "lake", "select id from changes where delivered_on = '1999-12-31'")
    assert err.startswith("0 rows; 0 bytes scanned")
    code, out, _ = tributary("query", "lake", sql, "--csv")
    assert list(csv.reader(io.StringIO(out))) == [
        ["id", "designation", "change_actor"],
        ["864732", "Senior Architect", ""],
    ]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("selec id from latest where x", "Athena does not take the query"),
        ("select * from lates", "There are `changes`, `history`, `latest`"),
        ("select salary from latest", "`select * from latest limit 1` shows the columns"),
    ],
)
def test_a_mistake_in_a_query_says_what_is_right(tributary: Tributary, sql: str, said: str) -> None:
    code, _, err = tributary("query", "lake", sql)
    assert code == 1
    assert said in err


@pytest.mark.parametrize("source", ["scan", "export"])
def test_what_was_there_before_the_stream_is_brought_and_beats_nothing_newer(
    lake: Lake, tributary: Tributary, eventually: Eventually, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setattr("operations.data_lake.snapshots.LEEWAY_S", 0.5)
    changed, removed = {"S": f"changed-{source}"}, {"S": f"removed-{source}"}
    with unstreamed(lake):
        lake.put({**BEFORE, "id": {"S": f"before-{source}"}})
        for key in (changed, removed):
            lake.put({"id": key, "name": {"S": "old"}})
    before = lake.count()
    code, out, err = tributary("backfill", "lake", "--from", source, "--yes", "--json")
    assert code == 0, err
    items = json.loads(out)["items"]
    lake.put({"id": changed, "name": {"S": "new"}})
    lake.producer.dynamodb.delete_item(TableName=lake.way["tableName"], Key={"id": removed})
    eventually(lake.count, equals=before + items + 2, timeout=60)

    named = asked(tributary, f"select id, name from latest where id like '%-{source}' order by id")
    assert named == [{"id": f"before-{source}", "name": "Eve"}, {"id": changed["S"], "name": "new"}]
    code, out, err = tributary("verify", "lake", "--yes", "--settle", "1")
    assert code == 0, (out, err)
    assert out.startswith("Equal")
