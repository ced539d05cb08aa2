"""The query that compares the rows that an export's items would be with the newest rows of the lake.

It may call equal items different, since every key that it names is looked at in table and lake themselves; it never
calls different items equal. What the item was before a change is in no export, and not compared.
"""

from collections.abc import Mapping

from operations.data_lake.latest_rows import FORMS, latest
from operations.instruments import comparing_sql
from operations.instruments.comparing_sql import literal

# A line in parts: texts, numbers, and everything between them.
_PART = r'"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+-]*|[^"0-9-]+'
# The columns of a line that tell of the change, its old image's too, and those that tell of columns, as JSON in a text.
_OWN, _OLD = "change_", "change_old__"
_LISTED = ("change_names", "change_types")


def comparison(exported: str, lake: str, format_: str) -> str:
    """Compares a table of an export's lines, by its SQL name, and a query of the lake's rows. See comparing_sql.

    A key is what the lake's column `change_key` has.
    """
    lines = f"SELECT json_extract_scalar(line, '$.change_key') AS change_key, {FORMS[format_].exported} AS kept"
    digest = DIGESTS[format_]
    return comparing_sql.comparison(_digests(f"{lines} FROM {exported}", digest), _digests(latest(lake), digest))


def _digests(rows: str, digest: str) -> str:
    return f"\n  SELECT change_key AS key, sha256(to_utf8({digest})) AS digest\n  FROM ({rows})\n"


def _without(members: str, prefix: str) -> str:
    """The text of a JSON object without the members that begin so, the others in order.

    https://trino.io/docs/current/functions/json.html (a cast of a map to JSON orders its keys), …/map.html
    """
    kept = f"map_filter(CAST(json_parse({members}) AS MAP(VARCHAR, JSON)), (name, part) -> NOT starts_with(name, {{}}))"
    return f"json_format(CAST({kept.format(literal(prefix))} AS JSON))"


def _line_digest() -> str:
    """What is digested of a line: its item's columns, what is said of them, and an item that has no columns.

    json_parse puts the keys of objects in order, but may make doubles of numbers, which lose digits. So numbers become
    texts first; a letter tells them from texts that look like them.
    https://trino.io/docs/current/functions/json.html, …/array.html, …/regexp.html
    """
    told = (
        "CASE WHEN substr(one, 1, 1) = '\"' THEN '\"s' || substr(one, 2) "
        "WHEN regexp_like(one, '^[-0-9]') THEN '\"n' || one || '\"' ELSE one END"
    )
    text = f"array_join(transform(regexp_extract_all(kept, {literal(_PART)}), one -> {told}), '')"
    listed = [f"coalesce({_without(_extracted(column), _OLD)}, '{{}}')" for column in _LISTED]
    return " || ';' || ".join([_without(text, f"s{_OWN}"), *listed, f"coalesce({_extracted('change_item')}, '')"])


def _extracted(column: str) -> str:
    return f"json_extract_scalar(kept, '$.{column}')"


# What is digested of what each format keeps. In DynamoDB's JSON numbers are texts.
DIGESTS: Mapping[str, str] = {"json": _line_digest(), "parquet": "json_format(json_parse(kept))"}
