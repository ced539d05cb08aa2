"""The query that compares the rows that an export's items would be with the newest rows of the lake, line by line.

It may call equal items different, since every key that it names is looked at in table and lake themselves; it never
calls different items equal.
"""

from operations.data_lake.latest_rows import latest_lines
from operations.instruments import comparing_sql
from operations.instruments.comparing_sql import literal

_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*"'
# The cells with which every line begins, and which tell of the change: see handlers/lake_transformer/changes.py. What
# looks like one inside a text or further inside the line is not at the line's beginning.
_OWN = rf'^\{{(?:"change_(?:event|time|time_us|order|id|table|key|actor)":(?:{_TEXT}|[0-9]+),)*'
# The cells with which a line may end: of columns and types, as JSON in a text. Their objects have no order.
_LISTED = ("change_names", "change_types")
_END = rf'(?:,"(?:{"|".join(_LISTED)})":{_TEXT})*\}}\s*$'
# A line in parts: texts, numbers, and everything between them.
_PART = rf'{_TEXT}|-?[0-9][0-9.eE+-]*|[^"0-9-]+'


def comparison(exported: str, lake: str) -> str:
    """Compares two tables of lines by their SQL names: those of an export, and the lake's. See comparing_sql.

    A key is what the lake's column `change_key` has.
    """
    return comparing_sql.comparison(_items(f"SELECT line FROM {exported}"), _items(latest_lines(lake)))


def _items(lines: str) -> str:
    """A key's text and an item's digest for each line.

    json_parse puts the keys of objects in order, but may make doubles of numbers, which lose digits. So numbers become
    texts first; a letter tells them from texts that look like them.
    https://trino.io/docs/current/functions/json.html, …/array.html, …/regexp.html
    """
    told = (
        "CASE WHEN substr(one, 1, 1) = '\"' THEN '\"s' || substr(one, 2) "
        "WHEN regexp_like(one, '^[-0-9]') THEN '\"n' || one || '\"' ELSE one END"
    )
    item = f"regexp_replace(regexp_replace(line, {literal(_OWN)}, '{{'), {literal(_END)}, '}}')"
    text = f"array_join(transform(regexp_extract_all({item}, {literal(_PART)}), one -> {told}), '')"
    listed = " || ';' || ".join(
        f"coalesce(json_format(json_parse(json_extract_scalar(line, '$.{column}'))), '')" for column in _LISTED
    )
    return f"""
  SELECT
    json_extract_scalar(line, '$.change_key') AS key,
    sha256(to_utf8(json_format(json_parse({text})) || ';' || {listed})) AS digest
  FROM ({lines})
"""
