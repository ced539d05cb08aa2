"""The query that compares a lake with an export's rows calls no different items equal, and the same ones equal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from handlers.lake_transformer.changes import OLD_PREFIX, ChangeWriter
from handlers.lake_transformer.flattening import Flattener
from handlers.shared.snapshots import Snapshot
from localcloud.emulator.athena import translation
from operations.data_lake import athena_sql
from operations.data_lake.latest_rows import latest
from operations.instruments import comparing_sql
from operations.instruments.comparing import Found
from operations.instruments.items import digest, key_of
from operations.instruments.raw import Item

pytestmark = pytest.mark.pure

Compared = Callable[[Sequence[str], Sequence[str]], Found]
OLD = "json with old images"
WRITERS = {
    "json": ChangeWriter(Flattener({}), None),
    "parquet": ChangeWriter(Flattener({}), None, whole_items=True),
    OLD: ChangeWriter(Flattener({}), Flattener({}, prefix=OLD_PREFIX)),
}
# What a lake of each kind keeps of a line: the line, or columns of it.
COLUMNS = ", ".join(
    f"json_extract_scalar(line, '$.{column}') AS {column}" for column in ("change_key", "change_order", "change_event")
)
KEPT = {"json": "line", "parquet": "json_extract_scalar(line, '$.change_item')"}


def line(item: Item, time_s: float = 1.0, event: str = "SNAPSHOT", kind: str = "json", old: Item | None = None) -> str:
    record = {**Snapshot("people", ["id"], "eu-west-1", time_s).of_item(item), "eventName": event}
    if old is not None:
        record["dynamodb"]["OldImage"] = old
    return WRITERS[kind].line(record, str(int(time_s)))


@pytest.fixture(scope="module", params=["json", "parquet"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def compared(form: str) -> Iterator[Compared]:
    """What the query says of an export's rows and a lake's, run as the local cloud does."""
    lake = f"SELECT {KEPT[form]} AS kept, {COLUMNS} FROM main.lake"
    sql = translation.translated(translation.parse(athena_sql.comparison("main.exported", lake, form)))
    with duckdb.connect(":memory:") as connection:
        for name, (function, parameters, result) in translation.FUNCTIONS.items():
            connection.create_function(name, function, parameters, result)  # type: ignore[arg-type]

        def found(exported: Sequence[str], lake: Sequence[str]) -> Found:
            for name, lines in (("exported", exported), ("lake", lake)):
                connection.execute(f"CREATE OR REPLACE TABLE {name} (line VARCHAR)")
                connection.execute(f"INSERT INTO {name} SELECT unnest(?::VARCHAR[])", [list(lines)])
            rows = [[kind, str(total), key] for kind, total, key in connection.execute(sql).fetchall()]
            return comparing_sql.found(rows, lambda text: key_of(json.loads(text), ["id"]))

        yield found


texts = st.text(st.sampled_from('ab"\\[]{}:,é🎉\n\x0112-.eEn'), max_size=6)
LONG = "0.1234567890123456789012345678901234567"
numbers = st.sampled_from(["0", "1", "-2.5", LONG, LONG[:21], "1E+20"])
scalars = st.one_of(
    st.builds(lambda text: {"S": text}, texts),
    st.builds(lambda number: {"N": number}, numbers),
    st.sampled_from([{"BOOL": True}, {"NULL": True}, {"B": "AA=="}]),
)
attributes: st.SearchStrategy[dict[str, Any]] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(lambda elements: {"L": elements}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"M": parts}, st.dictionaries(texts.filter(bool), inner, max_size=3)),
    ),
    max_leaves=5,
)
names = st.sampled_from(["a", "b", "change_event", "A", "n1"])
items = st.dictionaries(names, attributes, max_size=4).map(lambda item: {"id": {"S": "1"}, **item})


def turned(item: Item) -> Item:
    """The same item, its attributes in another order."""
    return {name: item[name] for name in reversed(item)}


# To plan the query takes longer than to run it over many rows: each example is a lake of pairs.
pairs = st.lists(st.tuples(items, items), min_size=1, max_size=4)


def known_as(key: object, item: Item) -> Item:
    return {**item, "id": {"S": str(key)}}


def differing_keys(pairs: Sequence[tuple[Item, Item]]) -> list[str]:
    differing = [number for number, (one, other) in enumerate(pairs) if digest(one) != digest(other)]
    return sorted(key_of(known_as(number, {}), ["id"]) for number in differing)


@settings(max_examples=16)
@given(pairs=pairs)
def test_only_equal_items_are_called_equal_and_the_order_of_attributes_is_nothing(
    compared: Compared, form: str, pairs: list[tuple[Item, Item]]
) -> None:
    exported, lake = [], []
    for number, (one, other) in enumerate(pairs):
        itself, same = known_as(number, one), known_as(f"same {number}", one)
        exported += [line(itself, kind=form), line(same, kind=form)]
        lake += [line(known_as(number, other), kind=form), line(turned(same), 7.0, kind=form)]

    found = compared(exported, lake)
    assert sorted(found.differing) == differing_keys(pairs)
    assert found.total == len(found.differing)


@settings(max_examples=16)
@given(pairs=pairs)
@pytest.mark.parametrize("form", ["json"], indirect=True)
def test_what_an_item_was_before_is_not_compared(compared: Compared, pairs: list[tuple[Item, Item]]) -> None:
    pairs = [(one, other) for one, other in pairs if "change_item" not in json.loads(line(one, kind=OLD, old=other))]
    assume(pairs)
    exported, lake = [], []
    for number, (one, other) in enumerate(pairs):
        itself, same = known_as(number, one), known_as(f"same {number}", one)
        exported += [line(itself), line(same)]
        lake += [line(known_as(number, other), 7.0, "MODIFY", OLD, old=itself)]
        lake += [line(same, 7.0, "MODIFY", OLD, old=known_as(f"same {number}", other))]

    found = compared(exported, lake)
    assert sorted(found.differing) == differing_keys(pairs)
    assert found.total == len(found.differing)


def test_the_newest_row_counts_and_what_was_removed_is_no_more(compared: Compared, form: str) -> None:
    def person(key: str, name: str) -> Item:
        return {"id": {"S": key}, "name": {"S": name}}

    states = [
        (person("same", "new"), 3.0, "MODIFY"),
        (person("same", "old"), 2.0, "INSERT"),
        (person("gone", "x"), 2.0, "INSERT"),
        (person("gone", "x"), 4.0, "REMOVE"),
        (person("extra", "x"), 2.0, "INSERT"),
        (person("differing", "x"), 2.0, "INSERT"),
    ]
    lake = [line(*state, kind=form) for state in states]
    wanted = [("same", "new"), ("missing", "x"), ("differing", "y")]
    exported = [line(person(key, name), kind=form) for key, name in wanted]
    found = compared(exported, lake)
    for kind in ("missing", "extra", "differing"):
        assert [json.loads(key)[0]["S"] for key in getattr(found, kind)] == [kind]
    assert found.items == (3, 3)


def test_digits_that_a_double_does_not_hold_are_compared(compared: Compared, form: str) -> None:
    one, other = ({"id": {"S": "1"}, "n": {"N": f"{LONG}{digit}"}} for digit in "12")
    assert compared([line(one, kind=form)], [line(other, kind=form)]).differing == ['[{"S":"1"}]']


def test_the_queries_are_athenas_sql(form: str) -> None:
    rows = 'SELECT kept, change_key, change_order, change_event FROM "db"."b"'
    for sql in (athena_sql.comparison('"db"."a"', rows, form), latest(rows, ["it's", '{"id":{"S":"1"}}'])):
        [statement] = sqlglot.parse(sql, read="athena")
        assert statement is not None
        assert sqlglot.parse_one(statement.sql("athena"), read="athena") == statement
