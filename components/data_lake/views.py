"""The views over a lake's changes, in Athena's SQL: what each item is now, and what it was when.

`latest` has, of each item, its newest change, and no item that was removed. `history` has each change once, with the
time from which and until which the item was so. Both are right whatever order the rows came in and however often: the
greater `change_order` is the later change, duplicates have one `change_id`. handlers/README.md says what decides when
two changes of an item have the same time.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LATEST, HISTORY = "latest", "history"
SINCE, UNTIL = "valid_since", "valid_until"

# Glue's name of a type → Trino's, where they differ. https://docs.aws.amazon.com/athena/latest/ug/data-types.html
_TYPES = {"string": "varchar", "int": "integer", "float": "real", "binary": "varbinary", "timestamp": "timestamp(3)"}
_NESTED = re.compile(r"(array|map|struct)<(.+)>")


def latest(table: str, columns: Sequence[str]) -> str:
    """The items as they are; `table` with its database: `"lake"."changes"`."""
    return (
        f"SELECT {_list(columns)} FROM (SELECT {_list(columns)}, row_number() OVER (PARTITION BY change_key ORDER BY "
        f"change_order DESC) AS place FROM {table}) WHERE place = 1 AND change_event <> 'REMOVE'"
    )


def history(table: str, columns: Sequence[str]) -> str:
    """The items as they were; `valid_until` is null for what is."""
    return (
        f"SELECT {_list(columns)}, change_time AS {SINCE}, lead(change_time) OVER (PARTITION BY change_key ORDER BY "
        f"change_order) AS {UNTIL} FROM (SELECT {_list(columns)}, row_number() OVER (PARTITION BY change_key, "
        f"change_id ORDER BY change_order) AS place FROM {table}) WHERE place = 1"
    )


# A view's name → its query, and the columns that it has beside those of the table.
VIEWS: Mapping[str, tuple[Callable[[str, Sequence[str]], str], Mapping[str, str]]] = {
    LATEST: (latest, {}),
    HISTORY: (history, {SINCE: "string", UNTIL: "string"}),
}


def view(name: str, database: str, table: str, columns: Mapping[str, str]) -> dict[str, Any]:
    """A view as a table of the Glue catalogue has it; `columns` are the table's, with their types.

    Athena keeps a view's query, with its columns' types in Trino's words, as JSON in base64 in the text of the view.
    https://docs.aws.amazon.com/athena/latest/ug/views.html; the text is that of Trino's Hive connector:
    https://github.com/trinodb/trino/blob/master/plugin/trino-hive/src/main/java/io/trino/plugin/hive/ViewReaderUtil.java
    """
    query, more = VIEWS[name]
    columns = {**columns, **more}
    kept = {
        "originalSql": query(f'"{database}"."{table}"', [column for column in columns if column not in more]),
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": column, "type": trino_type(kind)} for column, kind in columns.items()],
    }
    text = base64.b64encode(json.dumps(kept).encode()).decode()
    return {
        "table_type": "VIRTUAL_VIEW",
        "view_original_text": f"/* Presto View: {text} */",
        "view_expanded_text": "/* Presto View */",
        "parameters": {"presto_view": "true", "comment": "Presto View"},
        "storage_descriptor": {"columns": [{"name": column, "type": kind} for column, kind in columns.items()]},
    }


def trino_type(kind: str) -> str:
    """A type of Glue in Trino's words: `array<string>` is `array(varchar)`."""
    nested = _NESTED.fullmatch(kind)
    if nested is None:
        return _TYPES.get(kind, kind)
    outer, inner = nested.groups()
    parts = _split(inner)
    if outer == "struct":
        members = (part.partition(":") for part in parts)
        return f"row({', '.join(f'{name} {trino_type(of)}' for name, _, of in members)})"
    return f"{outer}({', '.join(map(trino_type, parts))})"


def _split(inner: str) -> list[str]:
    """Parts between commas that are in no bracket."""
    parts, depth = [""], 0
    for character in inner:
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _list(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
