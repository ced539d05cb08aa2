"""Runs a query: as the caller, over the tables of the catalogue, within what its workgroup lets it scan.

https://docs.aws.amazon.com/athena/latest/ug/workgroups-setting-control-limits-cloudwatch.html: a query that would scan
more than the workgroup's limit is cancelled.
"""

import asyncio
import logging
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ministack.core.responses import get_region

from localcloud.emulator.access.authorization import Session
from localcloud.emulator.access.callers import caller
from localcloud.emulator.athena import catalog, results
from localcloud.emulator.athena.catalog import StoredTable, TableName
from localcloud.emulator.athena.errors import QueryError
from localcloud.emulator.patching import replaces

Json = dict[str, Any]

LIMIT_EXCEEDED = "Bytes scanned limit was exceeded"


class ScanLimitError(Exception):
    """The query would scan more than its workgroup allows."""


async def _execute(
    original: Callable[..., Any], query_id: str, query: str, database: str, ddl: Any, catalog_name: str | None = None
) -> None:
    """Bring an execution from QUEUED to its end."""
    from ministack.services import athena

    execution: Json = athena._executions[query_id]
    status, session, region = execution["Status"], caller(), get_region()
    status["State"] = "RUNNING"
    began = time.monotonic()
    try:
        catalog.allow_default(session, region)
        if ddl is not None:
            _define(session, region, ddl, database)
            answer: Json = athena._run_ddl(ddl, database)
        else:
            answer = await asyncio.to_thread(_select, session, region, query, database, execution)
        if status["State"] == "CANCELLED":
            return
        execution["_results"] = {"columns": answer["columns"], "rows": answer["rows"]}
        execution["_column_types"] = answer["column_types"]
        await asyncio.to_thread(results.save, session, region, execution)
        status["State"] = "SUCCEEDED"
    except ScanLimitError:
        status.update(State="CANCELLED", StateChangeReason=LIMIT_EXCEEDED)
    except Exception as error:
        if not isinstance(error, QueryError):
            logging.getLogger(__name__).warning("query %s failed: %s", query_id, error)
        if status["State"] != "CANCELLED":
            status.update(State="FAILED", StateChangeReason=str(error)[:2000])
    finally:
        elapsed_ms = int((time.monotonic() - began) * 1000)
        execution["Statistics"].update(EngineExecutionTimeInMillis=elapsed_ms, TotalExecutionTimeInMillis=elapsed_ms)
        status["CompletionDateTime"] = time.time()


def _define(session: Session, region: str, ddl: Any, database: str) -> None:
    from ministack.services import athena

    action = "glue:DeleteTable" if isinstance(ddl, athena._DropTable) else "glue:CreateTable"
    catalog.allow(session, region, action, ddl.database or database, ddl.table)


def _select(session: Session, region: str, query: str, database: str, execution: Json) -> Json:
    """The rows of a SELECT; on a worker thread."""
    from localcloud.emulator.athena import pruning, translation

    statement = translation.parse(query)
    sql = translation.translated(statement)
    found = _tables(session, region, translation.tables_of(statement), database)
    tables = [replace(table, files=pruning.pruned(statement, table)) for table in found]
    scanned = sum(file.size_bytes for table in tables for file in table.files)
    limit = _scan_limit(execution["WorkGroup"])
    execution["Statistics"]["DataScannedInBytes"] = min(scanned, limit or scanned)
    if limit is not None and scanned > limit:
        raise ScanLimitError
    with tempfile.TemporaryDirectory(prefix="tributary-athena-") as folder:
        return _run(session, region, sql, tables, database, Path(folder))


def _tables(session: Session, region: str, names: Iterable[TableName], database: str) -> list[StoredTable]:
    """The tables of these names and those that their views read, each once and after what it reads."""
    from localcloud.emulator.athena import translation

    found: dict[TableName, StoredTable] = {}

    def add(name: TableName, context: str, within: frozenset[TableName]) -> None:
        table = catalog.find(session, region, name, context)
        if table.name in within:
            raise QueryError(f"INVALID_VIEW: {table.name.table} reads itself")
        if table.view is not None:
            for inner in translation.tables_of(translation.parse(table.view)):
                add(inner, str(table.name.database), within | {table.name})
        found[table.name] = table

    for name in names:
        add(name, database, frozenset())
    return list(found.values())


def _scan_limit(workgroup: str) -> int | None:
    """`BytesScannedCutoffPerQuery` of a workgroup, which holds whether or not its other settings are enforced."""
    from ministack.services import athena

    configuration: Mapping[str, Any] = (athena._workgroups.get(workgroup) or {}).get("Configuration", {})
    limit = configuration.get("BytesScannedCutoffPerQuery")
    return int(limit) if limit else None


def _run(session: Session, region: str, sql: str, tables: list[StoredTable], database: str, folder: Path) -> Json:
    import duckdb
    from ministack.services import athena

    from localcloud.emulator.athena import reading, translation  # pyarrow and sqlglot take long to import

    with duckdb.connect(":memory:") as connection:
        for name, (function, parameters, result) in translation.FUNCTIONS.items():
            connection.create_function(name, function, parameters, result)  # type: ignore[arg-type]
        for schema in {table.name.database for table in tables} | {database}:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(schema)}")
        for number, table in enumerate(tables):
            name = f"{_quoted(table.name.database)}.{_quoted(table.name.table)}"
            if table.view is not None:
                connection.execute(f"USE {_quoted(table.name.database)}")
                connection.execute(f"CREATE VIEW {name} AS {translation.translated(translation.parse(table.view))}")
                continue
            files = catalog.fetch(session, region, table, folder / str(number))
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {reading.relation(table.definition, files)}")
        connection.execute(f"USE {_quoted(database)}")
        try:
            answer = connection.execute(sql)
        except duckdb.BinderException as error:
            raise QueryError(_unresolved(str(error))) from None
        described = answer.description or []
        types = [str(column[1]).upper().partition("(")[0] for column in described]
        return {
            "columns": [column[0] for column in described],
            "column_types": [athena._DUCKDB_TYPE_MAP.get(kind, "varchar") for kind in types],
            "rows": [list(row) for row in answer.fetchall()],
        }


def _unresolved(message: str) -> str:
    """What DuckDB says of a name that it does not find, as Trino says it."""
    column = re.search(r'Referenced column "([^"]+)" not found', message)
    return f"COLUMN_NOT_FOUND: Column '{column.group(1)}' cannot be resolved" if column else message


def _quoted(name: str | None) -> str:
    return '"' + str(name).replace('"', '""') + '"'


def install() -> None:
    """Run queries in place of the emulator's own way."""
    replaces("ministack.services.athena", "_execute_query", source="0c4e4ef19494")(_execute)
