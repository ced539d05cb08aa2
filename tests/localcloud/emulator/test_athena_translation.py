"""Athena's SQL as DuckDB's, and the resources of the catalogue that requests are authorized on."""

import duckdb
import pytest

from localcloud.emulator.access.glue_resources import catalog_resource
from localcloud.emulator.athena import translation
from localcloud.emulator.athena.catalog import TableName
from localcloud.emulator.athena.errors import MalformedError, UnsupportedError

pytestmark = pytest.mark.pure


def test_the_tables_of_a_query_are_those_of_the_catalogue() -> None:
    statement = translation.parse(
        "WITH named AS (SELECT * FROM Logs.Requests r JOIN awsdatacatalog.logs.hosts h ON r.host = h.host) "
        "SELECT * FROM named, other WHERE id IN (SELECT id FROM other)"
    )
    assert translation.tables_of(statement) == sorted(
        [TableName("logs", "requests"), TableName("logs", "hosts"), TableName(None, "other")], key=str
    )
    assert "awsdatacatalog" not in translation.translated(statement).lower()


@pytest.mark.parametrize("sql", ["SELECT FROM WHERE", "", "SELECT 1; SELECT 2", "SELEC 1 FROM x y z"])
def test_what_is_not_one_statement_is_malformed(sql: str) -> None:
    with pytest.raises(MalformedError):
        translation.parse(sql)


@pytest.mark.parametrize("sql", ["INSERT INTO a SELECT 1", "CREATE TABLE a AS SELECT 1 AS x", "SHOW TABLES"])
def test_what_does_not_run_here_is_told_so(sql: str) -> None:
    with pytest.raises(UnsupportedError, match="no other statement"):
        translation.translated(translation.parse(sql))


def test_another_catalogue_is_told_to_be_out_of_reach() -> None:
    with pytest.raises(UnsupportedError, match="AwsDataCatalog only, not federated"):
        translation.tables_of(translation.parse("SELECT * FROM federated.a.b"))


def test_parsed_json_has_its_keys_in_order_and_no_blanks() -> None:
    assert translation.json_parse('{"b": [1, {"d": "é\\u0001", "c": null}], "a": ""}') == (
        '{"a":"","b":[1,{"c":null,"d":"é\\u0001"}]}'
    )
    with pytest.raises(ValueError, match="Cannot convert value to JSON"):
        translation.json_parse("{")


def test_a_map_is_filtered_by_its_keys_and_its_values() -> None:
    kept = (
        "map_filter(CAST(json_parse(text) AS MAP(VARCHAR, JSON)), (k, v) -> NOT starts_with(k, 'x') AND v IS NOT NULL)"
    )
    sql = translation.translated(translation.parse(f"SELECT json_format(CAST({kept} AS JSON)) FROM told"))
    with duckdb.connect(":memory:") as connection:
        for name, (function, parameters, result) in translation.FUNCTIONS.items():
            connection.create_function(name, function, parameters, result)  # type: ignore[arg-type]
        connection.execute(
            "CREATE TABLE told AS SELECT unnest(?) AS text", [['{"b": {"x": 1}, "x1": 2, "a": []}', "{}"]]
        )
        assert connection.execute(sql).fetchall() == [('{"a":[],"b":{"x":1}}',), ("{}",)]
    with pytest.raises(UnsupportedError, match="map_filter takes a lambda of two names"):
        translation.translated(translation.parse("SELECT map_filter(a, k -> true) FROM b"))


@pytest.mark.parametrize(
    ("operation", "data", "resource"),
    [
        ("CreateDatabase", {"DatabaseInput": {"Name": "logs"}}, "database/logs"),
        ("GetDatabase", {"Name": "logs"}, "database/logs"),
        ("CreateTable", {"DatabaseName": "logs", "TableInput": {"Name": "hosts"}}, "table/logs/hosts"),
        ("GetTable", {"DatabaseName": "logs", "Name": "hosts"}, "table/logs/hosts"),
        ("GetPartitions", {"DatabaseName": "logs", "TableName": "hosts"}, "table/logs/hosts"),
        ("GetTables", {"DatabaseName": "logs"}, None),
        ("GetCrawler", {"Name": "crawler"}, "crawler/crawler"),
    ],
)
def test_a_request_to_the_catalogue_names_its_resource(
    operation: str, data: dict[str, object], resource: str | None
) -> None:
    base = "arn:aws:glue:eu-west-1:444444444444"
    expected = "" if resource is None else f"{base}:{resource}"
    assert catalog_resource(operation, data, "eu-west-1", "444444444444") == expected
