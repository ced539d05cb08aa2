"""Athena's SQL, which is Trino's, as DuckDB's.

https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html: functions of engine version 3 are those of Trino.
sqlglot knows the syntax and most functions of both; the functions here are those whose meaning differs.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from localcloud.emulator.athena.catalog import TableName
from localcloud.emulator.athena.errors import MalformedError, UnsupportedError


def parse(sql: str) -> exp.Expr:
    """The statement as a tree. Raises MalformedError unless it is one statement of Athena's SQL."""
    try:
        found = [statement for statement in sqlglot.parse(sql, read="athena") if statement is not None]
    except SqlglotError as error:
        raise MalformedError(str(error)) from None
    if len(found) != 1:
        raise MalformedError(f"Only one sql statement is allowed. Got: {sql}")
    return found[0]


def is_query(statement: exp.Expr) -> bool:
    """Whether it is a SELECT, with or without WITH, or several of them combined."""
    return isinstance(statement, exp.Query)


def tables_of(statement: exp.Expr) -> list[TableName]:
    """The tables of the catalogue that a query reads, each once.

    Raises UnsupportedError when one is in another catalogue than AWS's own.
    """
    bound = {cte.alias.lower() for cte in statement.find_all(exp.CTE)}
    found = set()
    for table in statement.find_all(exp.Table):
        if table.catalog.lower() not in ("", "awsdatacatalog"):
            raise UnsupportedError(f"The local cloud queries the catalogue AwsDataCatalog only, not {table.catalog}.")
        if table.db or table.name.lower() not in bound:
            found.add(TableName(table.db.lower() or None, table.name.lower()))
    return sorted(found, key=str)


def translated(statement: exp.Expr) -> str:
    """The query in DuckDB's SQL; it needs the functions of `FUNCTIONS`. Raises UnsupportedError for anything else."""
    if not is_query(statement):
        raise UnsupportedError("The local cloud runs SELECT, CREATE EXTERNAL TABLE and DROP TABLE, no other statement.")
    return statement.transform(_as_duckdb).sql(dialect="duckdb")


def _as_duckdb(node: exp.Expr) -> exp.Expr:
    # What takes the place of a node is not looked into again.
    if isinstance(node, exp.ParseJSON):
        called = exp.Anonymous(this="trino_json_parse", expressions=[node.this.transform(_as_duckdb)])
        return exp.Cast(this=called, to=exp.DataType.build("JSON"))
    if isinstance(node, exp.Anonymous) and node.name.lower() == "map_filter":
        return _map_filter(*(part.transform(_as_duckdb) for part in node.expressions))
    if isinstance(node, exp.Table) and node.catalog:
        node.set("catalog", None)
    return node


def _map_filter(filtered: exp.Expr, condition: exp.Expr) -> exp.Expr:
    """https://trino.io/docs/current/functions/map.html: a map's entries of which a lambda of key and value is true.

    DuckDB filters lists only: that of the entries. Raises UnsupportedError.
    """
    if not isinstance(condition, exp.Lambda) or len(condition.expressions) != 2:
        raise UnsupportedError("The local cloud's map_filter takes a lambda of two names, (k, v) -> ….")
    parts = dict(zip((name.name for name in condition.expressions), ("key", "value"), strict=True))

    def of_entry(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Identifier) and part.name in parts and not isinstance(part.parent, exp.Dot):
            return exp.Dot(this=exp.to_identifier("entry"), expression=exp.to_identifier(parts[part.name]))
        return part

    kept = exp.Lambda(this=condition.this.transform(of_entry), expressions=[exp.to_identifier("entry")])
    entries = exp.Anonymous(this="map_entries", expressions=[filtered])
    found = exp.Anonymous(this="list_filter", expressions=[entries, kept])
    return exp.Anonymous(this="map_from_entries", expressions=[found])


def json_parse(text: str) -> str:
    """JSON text as Trino keeps it: without blanks, and with the keys of every object in order.

    https://trino.io/docs/current/functions/json.html; that keys are sorted is Trino's code (JsonTypeUtil), which its
    documentation does not state. Raises ValueError when it is no JSON.
    """
    try:
        return json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: '{text}'") from None


# DuckDB's name of a function → the function, its parameters' types and that of its result.
FUNCTIONS: Mapping[str, tuple[Callable[..., Any], list[str], str]] = {
    "trino_json_parse": (json_parse, ["VARCHAR"], "VARCHAR"),
}
