"""The query that compares a lake with an export's rows calls no different items equal, and the same ones equal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.lake_transformer.changes import ChangeWriter
from handlers.lake_transformer.flattening import Flattener
from handlers.shared.snapshots import Snapshot
from localcloud.emulator.athena import translation
from operations.data_lake import athena_sql
from operations.data_lake.latest_rows import latest_lines
from operations.instruments import comparing_sql
from operations.instruments.comparing import Found
from operations.instruments.items import digest, key_of
from operations.instruments.raw import Item

pytestmark = pytest.mark.pure

Compared = Callable[[Sequence[str], Sequence[str]], Found]
WRITER = ChangeWriter(Flattener({}), None)


def line(item: Item, time_s: float = 1.0, event: str = "SNAPSHOT") -> str:
    record = {**Snapshot("people", ["id"], "eu-west-1", time_s).of_item(item), "eventName": event}
    return WRITER.line(record, str(int(time_s)))


@pytest.fixture(scope="module")
def compared() -> Iterator[Compared]:
    """What the query says of an export's rows and a lake's, run as the local cloud does."""
    sql = translation.translated(translation.parse(athena_sql.comparison("main.exported", "main.lake")))
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


@settings(max_examples=40, deadline=None)
@given(one=items, other=items)
def test_only_equal_items_are_called_equal_and_the_order_of_attributes_is_nothing(
    compared: Compared, one: Item, other: Item
) -> None:
    assert compared([line(one)], [line(turned(one), 7.0)]).total == 0
    assert compared([line(one)], [line(other)]).total == (0 if digest(one) == digest(other) else 1)


def test_the_newest_row_counts_and_what_was_removed_is_no_more(compared: Compared) -> None:
    def person(key: str, name: str) -> Item:
        return {"id": {"S": key}, "name": {"S": name}}

    lake = [
        line(person("same", "new"), 3.0, "MODIFY"),
        line(person("same", "old"), 2.0, "INSERT"),
        line(person("gone", "x"), 2.0, "INSERT"),
        line(person("gone", "x"), 4.0, "REMOVE"),
        line(person("extra", "x"), 2.0),
        line(person("differing", "x"), 2.0),
    ]
    exported = [line(person(key, name)) for key, name in [("same", "new"), ("missing", "x"), ("differing", "y")]]
    found = compared(exported, lake)
    for kind in ("missing", "extra", "differing"):
        assert [json.loads(key)[0]["S"] for key in getattr(found, kind)] == [kind]
    assert found.items == (3, 3)


def test_digits_that_a_double_does_not_hold_are_compared(compared: Compared) -> None:
    one, other = ({"id": {"S": "1"}, "n": {"N": f"{LONG}{digit}"}} for digit in "12")
    assert compared([line(one)], [line(other)]).differing == ['[{"S":"1"}]']


def test_the_queries_are_athenas_sql() -> None:
    for sql in (athena_sql.comparison('"db"."a"', '"db"."b"'), latest_lines('"db"."b"', ["it's", '{"id":{"S":"1"}}'])):
        [statement] = sqlglot.parse(sql, read="athena")
        assert statement is not None
        assert sqlglot.parse_one(statement.sql("athena"), read="athena") == statement
