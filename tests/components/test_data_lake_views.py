"""The lake's views: each item as it is and as it was, whatever order its changes came in and however often."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.data_lake import views
from components.data_lake.catalogue import OWN_COLUMNS
from localcloud.emulator.athena import reading, translation

pytestmark = pytest.mark.pure

COLUMNS = {**OWN_COLUMNS, "id": "string", "value": "bigint"}
DEFINITION = {
    "StorageDescriptor": {
        "Columns": [{"Name": name, "Type": kind} for name, kind in COLUMNS.items()],
        "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
    }
}


def row(
    key: str, at: int, event: str = "MODIFY", *, rank: int = 1, sequence: int = 0, value: int = 0
) -> dict[str, Any]:
    item = {} if event == "REMOVE" else {"value": value}
    return {
        "change_event": event,
        "change_time": f"2026-11-28 20:00:00.{at:06d}",
        "change_order": f"{at:017d}-{rank}-{sequence:056d}",
        "change_id": f"{key}/{at}/{rank}/{sequence}",
        "change_key": json.dumps({"id": {"S": key}}),
        "id": key,
        **item,
    }


def query(folder: Path, rows: list[dict[str, Any]], view: str, select: str) -> list[tuple[Any, ...]]:
    file = folder / "rows.json"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    sql = views.VIEWS[view][0]('"lake"."changes"', list(COLUMNS))
    with duckdb.connect(":memory:") as connection:
        connection.execute("CREATE SCHEMA lake")
        relation = reading.relation(DEFINITION, [str(file)] if rows else [])
        connection.execute(f"CREATE VIEW lake.changes AS SELECT * FROM {relation}")
        connection.execute(f"CREATE VIEW {view} AS {translation.translated(translation.parse(sql))}")
        return connection.execute(select).fetchall()


def latest(folder: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return dict(query(folder, rows, "latest", "SELECT id, value FROM latest"))


def test_the_newest_change_of_each_item_wins_and_removed_items_are_gone(tmp_path: Path) -> None:
    rows = [
        row("a", 3, value=3),
        row("a", 1, "INSERT", value=1),
        row("b", 1, "INSERT", value=1),
        row("b", 2, "REMOVE"),
        row("c", 2, "REMOVE"),
        row("c", 3, "INSERT", value=7),
    ]
    assert latest(tmp_path, rows) == {"a": 3, "c": 7}
    assert latest(tmp_path, []) == {}


def test_of_two_changes_in_one_moment_the_later_in_the_shard_wins(tmp_path: Path) -> None:
    rows = [row("a", 1, sequence=10, value=10), row("a", 1, sequence=9, value=9)]
    assert latest(tmp_path, rows) == {"a": 10}


def test_what_a_command_brought_never_beats_a_change_of_its_moment_or_later(tmp_path: Path) -> None:
    snapshot = row("a", 5, "SNAPSHOT", rank=0, sequence=99, value=1)
    assert latest(tmp_path, [row("a", 5, value=2), snapshot]) == {"a": 2}
    assert latest(tmp_path, [row("a", 5, "REMOVE"), snapshot]) == {}
    assert latest(tmp_path, [row("a", 6, value=2), snapshot]) == {"a": 2}
    assert latest(tmp_path, [row("a", 4, value=2), snapshot]) == {"a": 1}


def test_history_has_each_state_once_with_the_time_in_which_it_was_true(tmp_path: Path) -> None:
    rows = [row("a", 2, value=2), row("a", 1, "INSERT", value=1), row("a", 2, value=2), row("a", 3, "REMOVE")]
    select = "SELECT change_event, value, valid_since, valid_until FROM history ORDER BY valid_since"
    assert query(tmp_path, rows, "history", select) == [
        ("INSERT", 1, "2026-11-28 20:00:00.000001", "2026-11-28 20:00:00.000002"),
        ("MODIFY", 2, "2026-11-28 20:00:00.000002", "2026-11-28 20:00:00.000003"),
        ("REMOVE", None, "2026-11-28 20:00:00.000003", None),
    ]


@settings(max_examples=10)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4), st.booleans()), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_order_and_duplicates_of_rows_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, bool]], random: Any
) -> None:
    table: dict[str, int] = {}
    rows, at = [], 0
    for number, (key, later, removed) in enumerate(changes):
        at += later - 1  # now and then two changes in one moment
        rows.append(row(key, at, "REMOVE" if removed else "MODIFY", sequence=number, value=number))
        if removed:
            table.pop(key, None)
        else:
            table[key] = number
    delivered = [*rows, *random.choices(rows, k=len(rows))]
    random.shuffle(delivered)
    assert latest(tmp_path_factory.mktemp("lake"), delivered) == table


def test_a_view_is_kept_as_athena_keeps_it() -> None:
    kinds = {"a": "string", "b": "array<struct<x:int,y:map<string,double>>>", "c": "decimal(38,9)"}
    assert [views.trino_type(kind) for kind in kinds.values()] == [
        "varchar",
        "array(row(x integer, y map(varchar, double)))",
        "decimal(38,9)",
    ]
    kept = views.view("history", "lake", "changes", kinds)
    assert kept["table_type"] == "VIRTUAL_VIEW"
    assert kept["view_original_text"].startswith("/* Presto View: ")
    assert [column["name"] for column in kept["storage_descriptor"]["columns"]] == [
        *kinds,
        "valid_since",
        "valid_until",
    ]
