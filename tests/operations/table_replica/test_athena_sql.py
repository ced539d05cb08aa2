"""The query that compares exports: Athena's SQL, which calls no different items equal, and what its rows mean."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from localcloud.emulator.athena import translation
from operations.instruments.items import digest, key_of
from operations.instruments.raw import Item
from operations.table_replica import athena_sql

pytestmark = pytest.mark.pure

Compared = Callable[[Sequence[Item], Sequence[Item], Sequence[str]], list[Sequence[Any]]]
QUOTED = 'it\'s "at"'


def test_the_query_is_athenas_sql_and_reads_each_table_once() -> None:
    sql = athena_sql.comparison("base", "one", "other", ["id", QUOTED])
    [statement] = sqlglot.parse(sql, read="athena")
    assert statement is not None
    named = {cte.alias for cte in statement.find_all(exp.CTE)}
    assert sorted(table.sql() for table in statement.find_all(exp.Table) if table.name not in named) == [
        '"base"."one"',
        '"base"."other"',
    ]
    # Written out again as Athena's, it says the same: nothing in it was taken for another dialect's.
    assert sqlglot.parse_one(statement.sql("athena"), read="athena") == statement
    assert len(sql.encode()) < 262_144  # https://docs.aws.amazon.com/athena/latest/ug/service-limits.html


def test_a_table_is_one_column_over_the_data_files_alone() -> None:
    storage = athena_sql.table("one", "bucket", "exports/AWSDynamoDB/01-a")["StorageDescriptor"]
    assert storage["Location"] == "s3://bucket/exports/AWSDynamoDB/01-a/data/"
    assert [column["Name"] for column in storage["Columns"]] == ["line"]
    assert "escape.delim" not in storage["SerdeInfo"]["Parameters"]


@functools.cache
def query(*keys: str) -> str:
    return translation.translated(translation.parse(athena_sql.comparison("main", "one", "other", keys)))


@pytest.fixture(scope="module")
def compared() -> Iterator[Compared]:
    """The rows of the query over two exports, run as the local cloud does."""
    with duckdb.connect(":memory:") as connection:
        for name, (function, parameters, result) in translation.FUNCTIONS.items():
            connection.create_function(name, function, parameters, result)  # type: ignore[arg-type]

        def rows(source: Sequence[Item], replica: Sequence[Item], keys: Sequence[str]) -> list[Sequence[Any]]:
            for name, items in (("one", source), ("other", replica)):
                connection.execute(f"CREATE OR REPLACE TABLE {name} (line VARCHAR)")
                lines = [json.dumps({"Item": item}, ensure_ascii=False) for item in items]
                connection.execute(f"INSERT INTO {name} SELECT unnest(?::VARCHAR[])", [lines])
            return [[kind, str(total), key] for kind, total, key in connection.execute(query(*keys)).fetchall()]

        yield rows


texts = st.text(st.sampled_from('ab"\\[]{}:,é🎉\n\x01NSB'), max_size=6)
numbers = st.sampled_from(["0", "1", "-2.5", "38"])
binary = st.sampled_from(["AA==", "AQ==", "/w=="])


def sets(elements: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(elements, min_size=1, max_size=3, unique=True)


scalars = st.one_of(
    st.builds(lambda text: {"S": text}, texts),
    st.builds(lambda text: {"N": text}, numbers),
    st.builds(lambda text: {"B": text}, binary),
    st.builds(lambda text: {"SS": text}, sets(texts)),
    st.builds(lambda text: {"NS": text}, sets(numbers)),
    st.builds(lambda text: {"BS": text}, sets(binary)),
    st.just({"NULL": True}),
    st.booleans().map(lambda value: {"BOOL": value}),
)
names = st.one_of(st.sampled_from(["a", "SS", 'x"SS', "]"]), texts.filter(bool))
attributes: st.SearchStrategy[dict[str, Any]] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda value: {"L": value}),
        st.dictionaries(names, inner, max_size=3).map(lambda value: {"M": value}),
    ),
    max_leaves=6,
)
others = st.dictionaries(names.filter(lambda name: name != "pk"), attributes, max_size=3)


def turned(value: Any) -> Any:
    """The same value with every map and set the other way round."""
    if isinstance(value, Mapping):
        return {
            name: list(reversed(inner)) if name in ("SS", "NS", "BS") and isinstance(inner, list) else turned(inner)
            for name, inner in reversed(value.items())
        }
    return [turned(inner) for inner in value] if isinstance(value, list) else value


@settings(max_examples=25)
@given(st.lists(st.tuples(others, others), min_size=1, max_size=8))
def test_items_are_equal_to_the_query_as_they_are_to_this_machine(
    compared: Compared, pairs: list[tuple[Item, Item]]
) -> None:
    def keyed(number: int, item: Item) -> Item:
        return {"pk": {"N": str(number)}, **item}

    source = [keyed(number, one) for number, (one, _) in enumerate(pairs)]
    other = [keyed(number, two) for number, (_, two) in enumerate(pairs)]
    # Planning the query takes the time: what is the same in another order is asked with it.
    same = [keyed(number, one) for number, (one, _) in enumerate(pairs, len(pairs))]
    found = athena_sql.found(compared([*source, *same], [*other, *map(turned, same)], ["pk"]), ["pk"])
    differing = [one for one, two in zip(source, other, strict=True) if digest(one) != digest(two)]
    assert sorted(found.differing) == sorted(key_of(item, ["pk"]) for item in differing)
    assert found.total == len(differing)


def test_keys_of_any_type_are_told_with_their_kind_and_counts(compared: Compared) -> None:
    keys = ["id", QUOTED]
    items = [{"id": {"S": text}, QUOTED: {"B": "AA=="}} for text in ('"', "\\", "é\x01🎉", "[]")]
    changed = {**items[1], "more": {"NULL": True}}
    found = athena_sql.found(compared(items[:3], [changed, items[2], items[3]], keys), keys)
    assert found.missing == [key_of(items[0], keys)]
    assert found.extra == [key_of(items[3], keys)]
    assert found.differing == [key_of(items[1], keys)]
    assert (found.items, found.total, found.counts) == ((3, 3), 3, {"missing": 1, "extra": 1, "differing": 1})


def test_a_number_in_two_spellings_is_one_key(compared: Compared) -> None:
    found = athena_sql.found(compared([{"pk": {"N": "3.5"}}], [{"pk": {"N": "3.50"}}], ["pk"]), ["pk"])
    assert found.keys == [key_of({"pk": {"N": "3.5"}}, ["pk"])]
    assert (found.counts, found.items) == ({"differing": 1}, (1, 1))


def test_more_keys_than_are_named_are_counted() -> None:
    rows = [["missing", "12345", '[{"S":"a"}]'], ["equal", "7", None]]
    found = athena_sql.found(rows, ["pk"])
    assert (found.total, found.items, found.missing) == (12345, (12352, 7), ['[{"S":"a"}]'])
