"""What DuckDB reads a table's files as: the columns that the catalogue says, whatever else is in the files.

https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html: keys are compared in lower case, a column that an
object does not have is null, and text columns take any JSON as it is written.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.emulator.firehose.hive_types import split_arguments

# Hive's types and DuckDB's. https://docs.aws.amazon.com/athena/latest/ug/data-types.html
_TYPES = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
# "The maximum size of a single row or its columns cannot exceed 32 megabytes":
# https://docs.aws.amazon.com/athena/latest/ug/other-notable-limitations.html
MAX_ROW_BYTES = 32 * 1024 * 1024


def relation(definition: Mapping[str, Any], files: Sequence[str]) -> str:
    """A relation of DuckDB over a table's files."""
    from ministack.services import athena

    if not files:
        return str(athena._empty_relation(definition))
    if athena._data_format(definition) != "json":
        text = str(athena._table_relation(definition, list(files)))
        # DuckDB stops at 2 MiB unless it is told.
        return text.replace("strict_mode = false,", f"strict_mode = false, max_line_size = {MAX_ROW_BYTES},", 1)
    columns = {column["Name"]: column.get("Type", "string") for column in definition["StorageDescriptor"]["Columns"]}
    partitions = [key["Name"] for key in definition.get("PartitionKeys") or ()]
    typed = ", ".join(f"{_text(name)}: {_text(duckdb_type(kind))}" for name, kind in columns.items())
    in_path = f", hive_partitioning = true, hive_types = {{{', '.join(f'{name}: VARCHAR' for name in partitions)}}}"
    listed = ", ".join(_text(file) for file in files)
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in (*columns, *partitions))
    return (
        f"(SELECT {names} FROM read_json([{listed}], format = 'newline_delimited', columns = {{{typed}}}, "
        f"maximum_object_size = {MAX_ROW_BYTES}{in_path if partitions else ', hive_partitioning = false'}))"
    )


def duckdb_type(kind: str) -> str:
    """A type of Hive in DuckDB's words."""
    text = kind.strip().lower()
    outer, _, inner = text.partition("<")
    parts = split_arguments(inner[:-1])
    if outer == "array":
        return f"{duckdb_type(parts[0])}[]"
    if outer == "map":
        return f"MAP({duckdb_type(parts[0])}, {duckdb_type(parts[1])})"
    if outer == "struct":
        members = (part.partition(":") for part in parts)
        return f"STRUCT({', '.join(f'{name.strip()} {duckdb_type(of)}' for name, _, of in members)})"
    return text.upper() if text.startswith("decimal(") else _TYPES.get(text, "VARCHAR")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
